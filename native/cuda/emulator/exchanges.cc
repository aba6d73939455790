// What lanes of a warp do together.
#include <algorithm>
#include <bit>
#include <cmath>
#include <sstream>

#include "block.h"
#include "tensor_cores.h"

namespace emulator {
namespace {

struct Vote {
  bool predicate;
  unsigned votes;
};

struct Shuffle {
  std::uint64_t bits;
  int source;
  std::uint64_t result;
};

void count_votes(unsigned, void* const (&lanes)[kWarp]) {
  unsigned votes = 0;
  for (int i = 0; i < kWarp; ++i)
    if (lanes[i] != nullptr && static_cast<Vote*>(lanes[i])->predicate) votes |= 1u << i;
  for (void* lane : lanes)
    if (lane != nullptr) static_cast<Vote*>(lane)->votes = votes;
}

void pass_round(unsigned mask, void* const (&lanes)[kWarp]) {
  for (int i = 0; i < kWarp; ++i) {
    if (lanes[i] == nullptr) continue;
    auto& own = *static_cast<Shuffle*>(lanes[i]);
    if (own.source < 0 || own.source >= kWarp || lanes[own.source] == nullptr) {
      std::ostringstream cause;
      cause << "lane " << i << " shuffles from lane " << own.source
            << ", which is not there: the lanes 0x" << std::hex << mask
            << " meet, of which some may have ended";
      throw Fault{cudaErrorLaunchFailure, cause.str()};
    }
    own.result = static_cast<Shuffle*>(lanes[own.source])->bits;
  }
}

float tf32_at(const std::uint32_t* factors, int i) {
  return std::bit_cast<float>(factors[i] & 0xffffe000u);
}
float bf16_at(const std::uint32_t* factors, int i) {
  return std::bit_cast<float>(factors[i / 2] >> i % 2 * 16 << 16);
}

// `At` gives the i-th factor of a lane. Lane 4 g + t holds of a's 16 rows g and g + 8, of b's 8
// columns g; of the k, `Each` from t * Each on and as many from half of K on.
template <int K, float (*At)(const std::uint32_t*, int)>
void multiply(unsigned, void* const (&lanes)[kWarp]) {
  constexpr int kRows = 16, kColumns = 8, kEach = K / 8;
  float a[kRows][K], b[K][kColumns], d[kRows][kColumns];
  for (int i = 0; i < kWarp; ++i) {
    if (lanes[i] == nullptr)
      throw Fault{cudaErrorLaunchFailure, "mma without all lanes of the warp"};
    const auto& own = *static_cast<const Fragments*>(lanes[i]);
    const int g = i / 4, t = i % 4;
    for (int half = 0; half < 2; ++half)
      for (int j = 0; j < kEach; ++j) {
        const int k = half * K / 2 + t * kEach + j;
        a[g][k] = At(own.a, 2 * half * kEach + j);
        a[g + 8][k] = At(own.a, (2 * half + 1) * kEach + j);
        b[k][g] = At(own.b, half * kEach + j);
      }
    for (int j = 0; j < 4; ++j) d[g + j / 2 * 8][2 * t + j % 2] = own.d[j];
  }
  const TensorCores cores = current_tensor_cores;
  const int group = K == 8 ? cores.tf32 : cores.bf16;
  int a_exponents[kRows][K], b_exponents[K][kColumns];
  bool finite_rows[kRows], finite_columns[kColumns];
  std::fill_n(finite_rows, kRows, true);
  std::fill_n(finite_columns, kColumns, true);
  for (int k = 0; k < K; ++k) {
    for (int row = 0; row < kRows; ++row) {
      a_exponents[row][k] = exponent_of(a[row][k]);
      finite_rows[row] = finite_rows[row] && std::isfinite(a[row][k]);
    }
    for (int column = 0; column < kColumns; ++column) {
      b_exponents[k][column] = exponent_of(b[k][column]);
      finite_columns[column] = finite_columns[column] && std::isfinite(b[k][column]);
    }
  }
  for (int row = 0; row < kRows; ++row)
    for (int column = 0; column < kColumns; ++column) {
      float& sum = d[row][column];
      for (int first = 0; first < K; first += group) {
        if (!finite_rows[row] || !finite_columns[column] || !std::isfinite(sum)) {
          for (int k = first; k < first + group; ++k) sum += a[row][k] * b[k][column];
          continue;
        }
        int exponent = exponent_of(sum);
        for (int k = first; k < first + group; ++k)
          exponent = std::max(exponent, a_exponents[row][k] + b_exponents[k][column]);
        sum = add_group(
            group,
            [&](int k) {
              return static_cast<double>(a[row][first + k]) *
                     static_cast<double>(b[first + k][column]);
            },
            sum, exponent, cores.extra_bits);
      }
    }
  for (int i = 0; i < kWarp; ++i)
    for (int j = 0; j < 4; ++j)
      static_cast<const Fragments*>(lanes[i])->d[j] = d[i / 4 + j / 2 * 8][2 * (i % 4) + j % 2];
}

constexpr Exchange kSync{"__syncwarp", [](unsigned, void* const (&)[kWarp]) {}};
constexpr Exchange kBallot{"a ballot", count_votes};
constexpr Exchange kShuffle{"a shuffle", pass_round};
constexpr Exchange kMma[]{{"mma_tf32", multiply<8, tf32_at>}, {"mma_bf16", multiply<16, bf16_at>}};

}  // namespace

void sync_warp(unsigned mask) {
  char nothing = 0;
  meet(mask, kSync, &nothing);
}

unsigned ballot(unsigned mask, bool predicate) {
  Vote own{predicate, 0};
  meet(mask, kBallot, &own);
  return own.votes;
}

std::uint64_t shuffle_bits(unsigned mask, std::uint64_t bits, int source) {
  Shuffle own{bits, source, 0};
  meet(mask, kShuffle, &own);
  return own.result;
}

void mma(Fragments fragments, Factors factors) {
  meet(kAllLanes, kMma[static_cast<int>(factors)], &fragments);
}

}  // namespace emulator
