// Gathers, scatters and running sums: what goes by an index tensor or along one axis.
#include "../arguments/indexed.h"

#include <cstring>

#include "blocks.h"
#include "register.h"

namespace rareface::cpu {
namespace {

void gather(const Call& call) {
  check_gather(call);
  const View &x = call.in[0], &indices = call.in[1], &y = call.out[0];
  const std::int64_t axis = x.dims[2], n = indices.dims[1];
  const auto bytes = static_cast<std::size_t>(x.dims[3]) * size_of(x.dtype);
  const std::int32_t* index = indices.i32();
  for (std::int64_t i = 0; i < indices.size(); ++i)
    require(index[i] >= 0 && index[i] < axis, "GatherV2: the index value ", index[i],
            " is not in [0, ", axis - 1, "]");
  const auto* in = static_cast<const std::byte*>(x.data);
  auto* out = static_cast<std::byte*>(y.data);
  for_rows(call, y.dims[0] * y.dims[1] * n, x.dims[3], kCheapGrain,
           [&](std::int64_t begin, std::int64_t end) {
             for (std::int64_t r = begin; r < end; ++r) {
               const std::int64_t outer = r / n, batch = outer / x.dims[1];
               const std::int64_t from = outer * axis + index[batch * n + r % n];
               std::memcpy(out + static_cast<std::size_t>(r) * bytes,
                           in + static_cast<std::size_t>(from) * bytes, bytes);
             }
           });
}

// The cell that one row of an index matrix means.
struct RowIndex {
  const Call& call;
  const std::int32_t* indices;
  std::int64_t depth;
  std::int64_t limit;
  std::int64_t operator()(std::int64_t row) const {
    std::int64_t flat = 0;
    for (std::int64_t k = 0; k < depth; ++k)
      flat += indices[row * depth + k] * call.attr_int(static_cast<int>(k));
    require(flat >= 0 && flat < limit, "invalid indices: row ", row, " does not index the tensor");
    return flat;
  }
};

void gather_nd(const Call& call) {
  check_gather_nd(call);
  const View &params = call.in[0], &indices = call.in[1], &y = call.out[0];
  const RowIndex row_index{call, indices.i32(), indices.dims[1], params.dims[0]};
  const auto bytes = static_cast<std::size_t>(params.dims[1]) * size_of(params.dtype);
  for_rows(call, y.dims[0], y.dims[1], kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r)
      std::memcpy(static_cast<std::byte*>(y.data) + static_cast<std::size_t>(r) * bytes,
                  static_cast<const std::byte*>(params.data) +
                      static_cast<std::size_t>(row_index(r)) * bytes,
                  bytes);
  });
}

// y[row_index(r)] += updates[r], rows in order; strips of columns in parallel.
template <class T, class Index>
void scatter_rows(const Call& call, const View& updates, std::int64_t rows, const Index& index) {
  const std::int64_t inner = call.out[0].dims[1];
  const T* in = static_cast<const T*>(updates.data);
  T* out = static_cast<T*>(call.out[0].data);
  constexpr std::int64_t kStrip = 256;
  for_rows(call, ceil_div(inner, kStrip), rows * std::min(inner, kStrip), kCheapGrain,
           [&](std::int64_t begin, std::int64_t end) {
             const std::int64_t first = begin * kStrip, last = std::min(inner, end * kStrip);
             for (std::int64_t cell = 0; cell < call.out[0].dims[0]; ++cell)
               std::fill(out + cell * inner + first, out + cell * inner + last, T{});
             for (std::int64_t r = 0; r < rows; ++r) {
               const std::int64_t to = index(r);
               if (to < 0) continue;
               for (std::int64_t k = first; k < last; ++k) out[to * inner + k] += in[r * inner + k];
             }
           });
}

template <class Index>
void scatter(const Call& call, const View& updates, std::int64_t rows, const Index& index) {
  const View& y = call.out[0];
  if (y.size() == 0) return;
  if (y.dtype == DType::float32)
    scatter_rows<float>(call, updates, rows, index);
  else
    scatter_rows<std::uint32_t>(call, updates, rows, index);
}

void scatter_nd(const Call& call) {
  check_scatter_nd(call);
  const View &updates = call.in[0], &indices = call.in[1];
  const RowIndex index{call, indices.i32(), indices.dims[1], call.out[0].dims[0]};
  scatter(call, updates, indices.dims[0], index);
}

void unsorted_segment_sum(const Call& call) {
  check_segment_sum(call);
  const View &x = call.in[0], &ids = call.in[1];
  const std::int32_t* id = ids.i32();
  const std::int64_t segments = call.out[0].dims[0];
  scatter(call, x, ids.size(), [&](std::int64_t r) -> std::int64_t {
    return id[r] >= 0 && id[r] < segments ? id[r] : -1;
  });
}

template <class T, bool product_of>
void scan_as(const Call& call, const Scan& s) {
  const View& x = call.in[0];
  const T* in = static_cast<const T*>(x.data);
  T* out = static_cast<T*>(call.out[0].data);
  const std::int64_t n = x.dims[1], inner = x.dims[2];
  for_rows(call, x.dims[0] * inner, n, kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const std::int64_t base = r / inner * n * inner + r % inner;
      T total = product_of ? T{1} : T{0};
      for (std::int64_t k = 0; k < n; ++k) {
        const std::int64_t at = base + (s.reverse ? n - 1 - k : k) * inner;
        if (s.exclusive) out[at] = total;
        total = product_of ? total * in[at] : total + in[at];
        if (!s.exclusive) out[at] = total;
      }
    }
  });
}

template <bool product_of>
void scan(const Call& call) {
  const Scan s(call);
  if (call.in[0].dtype == DType::float32)
    scan_as<float, product_of>(call, s);
  else
    scan_as<std::uint32_t, product_of>(call, s);
}

}  // namespace

void register_indexed(KernelTable& table) {
  table.add("GatherV2", gather);
  table.add("GatherNd", gather_nd);
  table.add("ScatterNd", scatter_nd);
  table.add("UnsortedSegmentSum", unsorted_segment_sum);
  table.add("Cumsum", scan<false>);
  table.add("Cumprod", scan<true>);
}

}  // namespace rareface::cpu
