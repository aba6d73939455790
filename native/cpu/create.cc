// Kernels that make values: constants, ranges, conversions, choices, one-hot rows.
#include "../arguments/create.h"

#include "blocks.h"
#include "register.h"

namespace rareface::cpu {
namespace {

// Attributes: the value.
void fill(const Call& call) {
  require_arity(call, 0, 1);
  const View& out = call.out[0];
  with_element(out.dtype, [&]<class T>() {
    T* y = static_cast<T*>(out.data);
    const T value = element_of<T>(call.attr(0));
    for_blocks(call, out.size(), kCheapGrain,
               [&](std::int64_t begin, std::int64_t end) { std::fill(y + begin, y + end, value); });
  });
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

struct Cast {
  template <class From, class To>
  static void run(const Call& call) {
    const From* __restrict x = static_cast<const From*>(call.in[0].data);
    To* __restrict y = static_cast<To*>(call.out[0].data);
    for_blocks(call, call.out[0].size(), kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
#pragma omp simd
      for (std::int64_t i = begin; i < end; ++i) y[i] = convert<From, To>(x[i]);
    });
  }
};

template <class T>
void select_as(const Call& call, std::int64_t inner) {
  const std::uint8_t* choose = call.in[0].u8();
  const T* a = static_cast<const T*>(call.in[1].data);
  const T* b = static_cast<const T*>(call.in[2].data);
  T* y = static_cast<T*>(call.out[0].data);
  const std::int64_t size = call.out[0].size(), choices = call.in[0].size();
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

void select(const Call& call) {
  const std::int64_t inner = selected_row(call);
  if (size_of(call.out[0].dtype) == 1)
    select_as<std::uint8_t>(call, inner);
  else
    select_as<std::uint32_t>(call, inner);
}

void one_hot(const Call& call) {
  const OneHot h(call);
  const std::int64_t depth = h.depth;
  const std::int32_t* index = call.in[0].i32();
  with_element(call.out[0].dtype, [&]<class T>() {
    T* y = static_cast<T*>(call.out[0].data);
    const T on = element_of<T>(h.on), off = element_of<T>(h.off);
    for_rows(call, call.in[0].size(), depth, kCheapGrain,
             [&](std::int64_t begin, std::int64_t end) {
               for (std::int64_t r = begin; r < end; ++r) {
                 std::fill(y + r * depth, y + (r + 1) * depth, off);
                 if (index[r] >= 0 && index[r] < depth) y[r * depth + index[r]] = on;
               }
             });
  });
}

}  // namespace

void register_create(KernelTable& table) {
  table.add("Fill", fill);
  table.add("Range", range);
  table.add("Cast", CastKernel<Cast>::cast);
  table.add("Select", select);
  table.add("OneHot", one_hot);
}

}  // namespace rareface::cpu
