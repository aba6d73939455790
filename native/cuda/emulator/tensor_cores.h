// How tensor cores add up.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace emulator {

// Tensor cores are no float32 units. They add a group of products and what there is to the power of
// two of the largest of them, to some bits below float32's, cut what is beyond, add exactly, and
// cut the sum to float32. As measured by Fasi, Higham, Mikaitis & Pranesh ("Numerical behavior of
// NVIDIA tensor cores", PeerJ CS 2021) and Khattak & Mikaitis ("Accurate models of NVIDIA tensor
// cores", arXiv 2512.07004, 2025).
struct TensorCores {
  int tf32, bf16;  // products of a group
  int extra_bits;
};

// Of a compute capability, 90 for 9.0: of A100 and its like, of H100 and newer ones.
constexpr TensorCores tensor_cores(int capability) {
  return capability < 90 ? TensorCores{4, 8, 1} : TensorCores{8, 16, 2};
}

// Of the GPU that is played, while a kernel runs.
inline TensorCores current_tensor_cores = tensor_cores(90);

// The power of two of a finite number; of 0 one that no other is aligned to.
inline int exponent_of(float x) {
  if (x == 0) return -4096;
  const auto field = static_cast<int>(std::bit_cast<std::uint32_t>(x) >> 23 & 0xff);
  return field == 0 ? -126 : field - 127;
}

inline double power_of_two(int exponent) {
  return std::bit_cast<double>(static_cast<std::uint64_t>(1023 + exponent) << 52);
}

// The sum of a group of finite products, which are exact in double, and of c. `exponent`: the
// largest of any product's two factors together, and of c.
template <class Product>
float add_group(int count, Product&& product, float c, int exponent, int extra_bits) {
  if (exponent < -1000) return c;  // all are 0
  const int places = 23 + extra_bits - exponent;
  const double scale = power_of_two(places);
  auto sum = static_cast<std::int64_t>(static_cast<double>(c) * scale);
  for (int k = 0; k < count; ++k) sum += static_cast<std::int64_t>(product(k) * scale);
  // To 24 bits, or those that a float has there, towards 0.
  const auto bits =
      std::bit_cast<std::uint64_t>(static_cast<double>(sum)) & ~std::uint64_t{0x1fffffff};
  const double result = std::bit_cast<double>(bits) * power_of_two(-places);
  if (std::abs(result) >= 0x1p-126) return static_cast<float>(result);
  return static_cast<float>(std::trunc(result * 0x1p149) * 0x1p-149);
}

}  // namespace emulator
