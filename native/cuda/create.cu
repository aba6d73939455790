// Kernels that make values: constants, ranges, conversions, choices, one-hot rows.
#include "../arguments/create.h"
#include "elementwise.h"
#include "register.h"

namespace rareface::cuda {
namespace {

// Attributes: the value.
void fill_kernel_of(const Call& call) {
  require_arity(call, 0, 1);
  const View& y = call.out[0];
  with_element(y.dtype, [&]<class T>() {
    fill(*call.host, static_cast<T*>(y.data), y.size(), element_of<T>(call.attr(0)));
  });
}

template <class T>
__global__ void range_kernel(T* y, std::int64_t size, double start, double step) {
  for_each(size,
           [&](std::int64_t i) { y[i] = element_of<T>(start + step * static_cast<double>(i)); });
}

// Attributes: start, step.
void range(const Call& call) {
  require_arity(call, 0, 1);
  const double start = call.attr(0), step = call.attr(1);
  const View& y = call.out[0];
  require(y.dtype != DType::boolean, "gives float32 or int32");
  if (y.dtype == DType::float32)
    launch(*call.host, grid_for(y.size()), range_kernel<float>, y.f32_out(), y.size(), start, step);
  else
    launch(*call.host, grid_for(y.size()), range_kernel<std::int32_t>, y.i32_out(), y.size(), start,
           step);
}

template <class From, class To>
struct Convert {
  __device__ To operator()(From x) const { return convert<From, To>(x); }
};

struct Cast {
  template <class From, class To>
  static void run(const Call& call) {
    const auto* x = static_cast<const From*>(call.in[0].data);
    auto* y = static_cast<To*>(call.out[0].data);
    const std::int64_t size = call.out[0].size();
    if constexpr (std::is_same_v<From, To> && !std::is_same_v<To, std::uint8_t>)
      copy(*call.host, y, x, size * static_cast<std::int64_t>(sizeof(To)));
    else
      map<true>(*call.host, x, y, size, Convert<From, To>{});
  }
};

template <class T>
__global__ void select_kernel(const std::uint8_t* choose, const T* a, const T* b, T* y,
                              std::int64_t size) {
  for_each(size, [&](std::int64_t i) { y[i] = choose[i] ? a[i] : b[i]; });
}

template <class T>
__global__ void select_packs_kernel(const Pack<std::uint8_t>* choose, const Pack<T>* a,
                                    const Pack<T>* b, Pack<T>* y, std::int64_t packs) {
  for_each(packs, [&](std::int64_t i) {
    const Pack<std::uint8_t> c = choose[i];
    const Pack<T> then = a[i], otherwise = b[i];
    Pack<T> r;
    for (int k = 0; k < 4; ++k) r.v[k] = c.v[k] ? then.v[k] : otherwise.v[k];
    y[i] = r;
  });
}

template <class T>
__global__ void select_rows_kernel(const std::uint8_t* choose, const T* a, const T* b, T* y,
                                   unsigned size, Divisor row) {
  for_each_small(size, [&](unsigned i) { y[i] = choose[row.divide(i)] ? a[i] : b[i]; });
}

template <class T>
void select_as(const Call& call, std::int64_t row) {
  const std::uint8_t* choose = call.in[0].u8();
  const T* a = static_cast<const T*>(call.in[1].data);
  const T* b = static_cast<const T*>(call.in[2].data);
  T* y = static_cast<T*>(call.out[0].data);
  const std::int64_t size = call.out[0].size();
  const auto packs = [](auto* p) {
    return reinterpret_cast<const Pack<std::remove_cvref_t<decltype(*p)>>*>(p);
  };
  if (row != 1)
    launch(*call.host, grid_for(size), select_rows_kernel<T>, choose, a, b, y, natural(size),
           Divisor(row));
  else if (packable<T>(size, a, b, y) && packable<std::uint8_t>(0, choose))
    launch(*call.host, grid_for(size / 4), select_packs_kernel<T>, packs(choose), packs(a),
           packs(b), reinterpret_cast<Pack<T>*>(y), size / 4);
  else
    launch(*call.host, grid_for(size), select_kernel<T>, choose, a, b, y, size);
}

void select(const Call& call) {
  const std::int64_t row = selected_row(call);
  if (size_of(call.out[0].dtype) == 1)
    select_as<std::uint8_t>(call, row);
  else
    select_as<std::uint32_t>(call, row);
}

template <class T>
__global__ void one_hot_kernel(const std::int32_t* index, T* y, unsigned size, Divisor depth, T on,
                               T off) {
  for_each_small(size, [&](unsigned i) {
    unsigned row = i;
    const auto column = static_cast<std::int32_t>(depth.remainder(row));
    y[i] = index[row] == column ? on : off;
  });
}

void one_hot(const Call& call) {
  const OneHot h(call);
  const std::int64_t size = call.out[0].size();
  with_element(call.out[0].dtype, [&]<class T>() {
    launch(*call.host, grid_for(size), one_hot_kernel<T>, call.in[0].i32(),
           static_cast<T*>(call.out[0].data), natural(size), Divisor(h.depth), element_of<T>(h.on),
           element_of<T>(h.off));
  });
}

}  // namespace

void register_create(KernelTable& table) {
  table.add("Fill", fill_kernel_of);
  table.add("Range", range);
  table.add("Cast", CastKernel<Cast>::cast);
  table.add("Select", select);
  table.add("OneHot", one_hot);
}

}  // namespace rareface::cuda
