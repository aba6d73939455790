// A matrix product by implicit GEMM: out = epilogue(A B) on tensor cores, where one factor's
// elements are gathered from an image while they are multiplied. Convolutions, their gradients and
// plain products are all told so.
//
// There are positions on a grid and taps of a filter: position (n, r, c) meets at tap (i, j) the
// pixel (n, first_y + r * step_y + i * tap_y, first_x + c * step_x + j * tap_x) of the image, which
// counts as zero outside. The depth is taps x channels.
//
//   Form          out                  A, gathered            B
//   forward       [positions, cols]    [positions, depth]     [depth, cols] in rows
//   input_grad    [positions, cols]    [positions, depth]     [depth, cols], a row for each column
//                                                             and tap: [taps, cols, channels]
//   filter_grad   [depth, cols]        the same, transposed   [positions, cols] in rows
#pragma once

#include <cstdint>

#include "../arguments/call.h"
#include "../arguments/epilogue.h"
#include "divisor.h"
#include "product_plan.h"

namespace rareface::cuda {

enum class Form { forward, input_grad, filter_grad };

// One grid of positions and the taps that it meets. The gradient by the input of a strided
// convolution has several: pixels of the same phase of the stride meet the same taps, so that no
// product by zero is made.
struct Phase {
  int positions = 0;
  Divisor width, height;  // of the grid
  int depth = 0;
  Divisor taps_x;
  int first_y = 0, first_x = 0;  // the pixel that the first position meets at the first tap
  int first_tap = 0;             // its number in the filter
  int out_y = 0, out_x = 0;      // where the first position's result goes
  // How the work is cut: into tiles of the result, and along k (see ProductPlan).
  int splits = 1, blocks_per_split = 0;  // in blocks of kDepth
  int first_item = 0, first_tile = 0, first_part = 0;
};

// Stacks of factors that broadcast: index i has coordinates in `dims`, whose steps in floats are 0
// where a factor is repeated.
struct Stack {
  static constexpr int kMaxRank = 4;
  int rank = 0;
  Divisor dims[kMaxRank];
  std::int64_t a[kMaxRank] = {}, b[kMaxRank] = {};
  std::int64_t out = 0;
};

struct Product {
  // The image [n, height, width, channels] and its pixel stride.
  const float* image = nullptr;
  int height = 1, width = 1, image_stride = 0;
  Divisor channels;
  int step_y = 1, step_x = 1, tap_y = 0, tap_x = 0;
  int filter_y = 0, filter_x = 0;  // taps from one to the next of a phase, in the filter

  const float* b = nullptr;
  int b_stride = 0;  // floats from one row to the next
  int cols = 0;

  float* out = nullptr;
  int out_stride = 0;
  // Where the positions' results go: one after the other, or out_y + r * out_step_y, ...
  bool dense = true;
  int out_height = 0, out_width = 0, out_step_y = 1, out_step_x = 1;
  Epilogue epilogue;

  // Whether four elements that follow each other may be copied, and stored, as one.
  bool image_vectors = false, b_vectors = false, out_vectors = false;

  Stack stack;
  int items = 0, tiles = 0, parts = 0;  // blocks, tiles and parts for one of the stack
  float* partial = nullptr;             // parts of sums, a tile each
  unsigned* counters = nullptr;         // one a tile, see Host::counters

  static constexpr int kMaxPhases = 16;
  int phase_count = 0;
  Phase phases[kMaxPhases];
};

// The largest number of elements that a tensor may have: their numbers are ints.
inline int as_int(std::int64_t n, const char* what) {
  constexpr std::int64_t kMost = (std::int64_t{1} << 31) - (std::int64_t{1} << 16);
  require(n >= 0 && n <= kMost, "takes at most ", kMost, " ", what, ", got ", n);
  return static_cast<int>(n);
}

// Starts a product of each of the phases, `count` times for a stack. Fills in how it is cut: by a
// plan of its own (see plan_product), or by another.
void start_product(Form form, Product& product, int count, Precision precision, Host& host);
void start_product(Form form, Product& product, int count, Precision precision,
                   const ProductPlan& plan, Host& host);

// The same for products of at most kFewCols columns, in float32: a tile would be nearly empty.
constexpr int kFewCols = 4;
void start_few_cols(Form form, Product& product, int count, Host& host);

}  // namespace rareface::cuda
