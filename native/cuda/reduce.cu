// Reductions over any axes, in an order that the shape alone decides.
//
// Floats are added in float32 over short runs and in double above them: the error does not grow
// with the size.
#include "../arguments/reduce.h"
#include "lanes.h"
#include "register.h"

namespace rareface::cuda {
namespace {

constexpr int kRun = 32;  // elements of one lane before a Wide takes over

struct Strided {  // some dimensions, of which a flat index has an offset
  int count = 0;
  Divisor dims[kMaxRank];
  int strides[kMaxRank] = {};

  void add(std::int64_t dim, std::int64_t stride) {
    dims[count] = Divisor(dim);
    strides[count++] = small(stride);
  }
  __device__ int at(unsigned index) const {
    if (count == 1) return static_cast<int>(index) * strides[0];
    int offset = 0;
    for (int k = count - 1; k >= 0; --k)
      offset += static_cast<int>(dims[k].remainder(index)) * strides[k];
    return offset;
  }
};

// Results are [outer][columns], columns lie side by side, each of `count` elements, of which a
// block takes `piece`.
struct Shape {
  Strided kept, reduced;
  unsigned outer = 1, columns = 1, count = 1, piece = 1;
  std::int64_t divisor = 1;
  Lanes lanes;
};

template <class Op>
struct Join {
  __device__ typename Op::Wide operator()(typename Op::Wide a, typename Op::Wide b) const {
    return Op::join(a, b);
  }
};

// Steps through elements [first, last), `lanes` apart; at(i) gives one.
template <class Op, class At>
__device__ typename Op::Wide accumulate(unsigned first, unsigned last, unsigned lanes, At&& at) {
  constexpr int kAtOnce = 8;  // loads on their way together
  typename Op::Wide total = Op::kWide;
  unsigned i = first;
  while (i < last) {
    typename Op::Block block = Op::kBlock;
    int steps = 0;
    for (; steps < kRun && i + (kAtOnce - 1) * lanes < last; steps += kAtOnce) {
      typename Op::In x[kAtOnce];
      for (int k = 0; k < kAtOnce; ++k, i += lanes) x[k] = at(i);
      for (int k = 0; k < kAtOnce; ++k) block = Op::step(block, x[k]);
    }
    for (; steps < kRun && i < last; ++steps, i += lanes) block = Op::step(block, at(i));
    total = Op::join(total, static_cast<typename Op::Wide>(block));
  }
  return total;
}

// Piece blockIdx.y of each result: its Wide goes to partial[piece][result], or if there is but one
// it is the result.
template <class Op>
__global__ void __launch_bounds__(kThreads)
    reduce_kernel(const typename Op::In* x, typename Op::Wide* partial, typename Op::Out* y,
                  Shape s) {
  __shared__ typename Op::Wide shared[kThreads];
  const Place place(s.lanes, s.outer, s.columns);
  typename Op::Wide total = Op::kWide;
  if (place.exists) {
    const auto* base = x + s.kept.at(place.outer) + place.column;
    const unsigned first = blockIdx.y * s.piece;
    total = accumulate<Op>(first + place.lane, min(s.count, first + s.piece), s.lanes.lanes(),
                           [&](unsigned i) { return base[s.reduced.at(i)]; });
  }
  total = join_lanes(s.lanes, total, shared, Join<Op>{});
  if (!place.exists || place.lane != 0) return;
  const std::int64_t result = std::int64_t{place.outer} * s.columns + place.column;
  if (partial)
    partial[std::int64_t{blockIdx.y} * s.outer * s.columns + result] = total;
  else
    y[result] = Op::finish(total, s.divisor);
}

// y = what [pieces][results] join to.
template <class Op>
__global__ void __launch_bounds__(kThreads)
    join_kernel(const typename Op::Wide* partial, typename Op::Out* y, unsigned results,
                unsigned pieces, Lanes lanes, std::int64_t divisor) {
  __shared__ typename Op::Wide shared[kThreads];
  const Place place(lanes, 1, results);
  typename Op::Wide total = Op::kWide;
  if (place.exists)
    for (unsigned i = place.lane; i < pieces; i += lanes.lanes())
      total = Op::join(total, partial[std::int64_t{i} * results + place.column]);
  total = join_lanes(lanes, total, shared, Join<Op>{});
  if (place.exists && place.lane == 0) y[place.column] = Op::finish(total, divisor);
}

// Many elements behind few results are shared out over blocks, enough to fill a GPU.
std::int64_t pieces_of(std::int64_t blocks, std::int64_t count, unsigned lanes) {
  constexpr std::int64_t kFew = 32, kLeast = 8;  // elements of a lane
  constexpr std::int64_t kBlocks = 528, kMost = 512;
  const std::int64_t each = ceil_div(count, lanes);
  if (each <= kFew || blocks * 2 > kBlocks) return 1;
  return std::min({ceil_div(each, kLeast), kBlocks / blocks, kMost});
}

struct Run {
  template <class Op>
  static void run(const Call& call) {
    const Reduction r = reduction(call);
    auto* y = static_cast<typename Op::Out*>(call.out[0].data);
    if (r.outputs == 0) return;
    if (r.count == 0) return fill(*call.host, y, r.outputs, Op::finish(Op::kWide, 0));
    natural(call.in[0].size());
    Shape s;
    s.outer = natural(r.kept.size());
    s.columns = r.inner_reduced ? 1 : natural(r.inner);
    s.count = natural(r.count);
    s.divisor = r.count;
    for (int k = 0; k < r.kept.count; ++k) s.kept.add(r.kept.dims[k], r.kept.strides[k]);
    for (int k = 0; k < r.reduced.count; ++k)
      s.reduced.add(r.reduced.dims[k], r.reduced.strides[k]);
    if (r.inner_reduced) s.reduced.add(r.inner, 1);
    s.lanes = Lanes::of(s.columns, s.count);
    const std::int64_t blocks = s.lanes.blocks(s.outer, s.columns);
    const std::int64_t pieces = pieces_of(blocks, s.count, s.lanes.lanes());
    s.piece = natural(ceil_div(s.count, pieces));
    const auto* x = static_cast<const typename Op::In*>(call.in[0].data);
    const unsigned grid = blocks_for(blocks, 1);
    using Wide = typename Op::Wide;
    if (pieces == 1)
      return launch(*call.host, {grid, kThreads}, reduce_kernel<Op>, x, static_cast<Wide*>(nullptr),
                    y, s);
    auto* partial = static_cast<Wide*>(
        call.host->scratch(static_cast<std::size_t>(pieces * r.outputs) * sizeof(Wide)));
    launch(*call.host, {dim3(grid, static_cast<unsigned>(pieces)), kThreads}, reduce_kernel<Op>, x,
           partial, y, s);
    const Lanes lanes = Lanes::of(r.outputs, pieces);
    launch(*call.host, {blocks_for(lanes.blocks(1, r.outputs), 1), kThreads}, join_kernel<Op>,
           partial, y, natural(r.outputs), static_cast<unsigned>(pieces), lanes, r.count);
  }
};

}  // namespace

void register_reduce(KernelTable& table) { ReduceKernels<Run>::add_to(table); }

}  // namespace rareface::cuda
