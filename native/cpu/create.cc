// Kernels that make values: constants, ranges, conversions, choices, one-hot rows.
#include "blocks.h"
#include "convert.h"
#include "register.h"

namespace rareface::cpu {
namespace {

template <class T>
void fill_as(const Call& call, T value) {
  T* y = static_cast<T*>(call.out[0].data);
  for_blocks(call, call.out[0].size(), kCheapGrain,
             [&](std::int64_t begin, std::int64_t end) { std::fill(y + begin, y + end, value); });
}

// Attributes: the value.
void fill(const Call& call) {
  require_arity(call, 0, 1);
  const double value = call.attr(0);
  switch (call.out[0].dtype) {
    case DType::float32:
      return fill_as(call, static_cast<float>(value));
    case DType::int32:
      return fill_as(call, to_int32(value));
    case DType::boolean:
      return fill_as(call, static_cast<std::uint8_t>(value != 0));
  }
}

// Attributes: start, step.
void range(const Call& call) {
  require_arity(call, 0, 1);
  const double start = call.attr(0), step = call.attr(1);
  const View& y = call.out[0];
  for_blocks(call, y.size(), kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const double value = start + step * static_cast<double>(i);
      if (y.dtype == DType::float32)
        y.f32_out()[i] = static_cast<float>(value);
      else
        y.i32_out()[i] = to_int32(value);
    }
  });
}

template <class From, class To>
To convert(From x) {
  if constexpr (std::is_same_v<To, std::uint8_t>)
    return static_cast<std::uint8_t>(x != 0);
  else if constexpr (std::is_same_v<From, float> && std::is_same_v<To, std::int32_t>)
    return to_int32(x);
  else
    return static_cast<To>(x);
}

template <class From, class To>
void cast_as(const Call& call) {
  const From* __restrict x = static_cast<const From*>(call.in[0].data);
  To* __restrict y = static_cast<To*>(call.out[0].data);
  for_blocks(call, call.out[0].size(), kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
#pragma omp simd
    for (std::int64_t i = begin; i < end; ++i) y[i] = convert<From, To>(x[i]);
  });
}

template <class From>
void cast_from(const Call& call) {
  switch (call.out[0].dtype) {
    case DType::float32:
      return cast_as<From, float>(call);
    case DType::int32:
      return cast_as<From, std::int32_t>(call);
    case DType::boolean:
      return cast_as<From, std::uint8_t>(call);
  }
}

void cast(const Call& call) {
  require_arity(call, 1, 1);
  require(call.in[0].size() == call.out[0].size(), "sizes differ");
  switch (call.in[0].dtype) {
    case DType::float32:
      return cast_from<float>(call);
    case DType::int32:
      return cast_from<std::int32_t>(call);
    case DType::boolean:
      return cast_from<std::uint8_t>(call);
  }
}

template <class T>
void select_as(const Call& call) {
  const std::uint8_t* choose = call.in[0].u8();
  const T* a = static_cast<const T*>(call.in[1].data);
  const T* b = static_cast<const T*>(call.in[2].data);
  T* y = static_cast<T*>(call.out[0].data);
  const std::int64_t size = call.out[0].size(), choices = call.in[0].size();
  const std::int64_t inner = choices ? size / choices : 1;
  if (inner == 1) {
    for_blocks(call, size, kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
#pragma omp simd
      for (std::int64_t i = begin; i < end; ++i) {  // by masks: a branch would be guessed wrong
        const T mask = static_cast<T>(T{0} - static_cast<T>(choose[i] != 0));
        y[i] = static_cast<T>((a[i] & mask) | (b[i] & ~mask));
      }
    });
    return;
  }
  for_rows(call, choices, inner, kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r)
      std::copy_n((choose[r] ? a : b) + r * inner, inner, y + r * inner);
  });
}

// Inputs: condition, then, else; a short condition chooses whole rows.
void select(const Call& call) {
  require_arity(call, 3, 1);
  const View& y = call.out[0];
  require(call.in[0].dtype == DType::boolean, "the condition must be bool");
  require(call.in[1].dtype == y.dtype && call.in[2].dtype == y.dtype, "dtypes differ");
  require(call.in[1].size() == y.size() && call.in[2].size() == y.size(), "sizes differ");
  const std::int64_t choices = call.in[0].size();
  require(y.size() == 0 || (choices > 0 && y.size() % choices == 0),
          "the condition's size does not fit");
  if (size_of(y.dtype) == 1)
    select_as<std::uint8_t>(call);
  else
    select_as<std::uint32_t>(call);
}

// Attributes: depth, value where the index is, value elsewhere. An index out of range has no row
// entry, as in tfjs.
void one_hot(const Call& call) {
  require_arity(call, 1, 1);
  require(call.in[0].dtype == DType::int32, "the indices must be int32");
  const std::int64_t depth = call.attr_int(0);
  require(call.out[0].size() == call.in[0].size() * depth, "the output's size does not fit");
  const std::int32_t* index = call.in[0].i32();
  const auto rows = [&]<class T>(T* y, T on, T off) {
    for_rows(call, call.in[0].size(), depth, kCheapGrain,
             [&](std::int64_t begin, std::int64_t end) {
               for (std::int64_t r = begin; r < end; ++r) {
                 std::fill(y + r * depth, y + (r + 1) * depth, off);
                 if (index[r] >= 0 && index[r] < depth) y[r * depth + index[r]] = on;
               }
             });
  };
  const double on = call.attr(1), off = call.attr(2);
  switch (call.out[0].dtype) {
    case DType::float32:
      return rows(call.out[0].f32_out(), static_cast<float>(on), static_cast<float>(off));
    case DType::int32:
      return rows(call.out[0].i32_out(), to_int32(on), to_int32(off));
    case DType::boolean:
      return rows(call.out[0].u8_out(), static_cast<std::uint8_t>(on != 0),
                  static_cast<std::uint8_t>(off != 0));
  }
}

}  // namespace

void register_create(KernelTable& table) {
  table.add("Fill", fill);
  table.add("Range", range);
  table.add("Cast", cast);
  table.add("Select", select);
  table.add("OneHot", one_hot);
}

}  // namespace rareface::cpu
