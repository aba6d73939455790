#include <algorithm>
#include <numeric>
#include <vector>

#include "../arguments/conv_kernels.h"
#include "../arguments/precision.h"
#include "conv.h"
#include "epilogue_args.h"
#include "product_setup.h"
#include "register.h"

namespace rareface::cuda {
namespace {

// Throws where positions in the image, outside of it included, would not fit into numbers.
void require_reach(std::int64_t filter, std::int64_t dilation, std::int64_t pad) {
  constexpr std::int64_t kMost = 1 << 28;
  require(dilation < kMost && filter * dilation < kMost && pad > -kMost && pad < kMost,
          "takes filters that reach less than ", kMost, " pixels, with their dilation and pads");
}

// The positions of a convolution's result, which meet all taps of the image.
void set_grid(Product& p, const ConvShape& s) {
  require_reach(s.filter_height, s.dilation_h, s.pad_top);
  require_reach(s.filter_width, s.dilation_w, s.pad_left);
  p.step_y = as_int(s.stride_h, "rows");
  p.step_x = as_int(s.stride_w, "columns");
  p.tap_y = as_int(s.dilation_h, "rows");
  p.tap_x = as_int(s.dilation_w, "columns");
  p.filter_y = as_int(s.filter_width, "taps");
  p.filter_x = 1;
  Phase& phase = p.phases[0];
  phase.positions = as_int(s.batch * s.out_height * s.out_width, "pixels");
  phase.width = Divisor(s.out_width);
  phase.height = Divisor(s.out_height);
  phase.depth = as_int(s.filter_height * s.filter_width * s.in_channels, "elements");
  phase.taps_x = Divisor(s.filter_width);
  phase.first_y = static_cast<int>(-s.pad_top);
  phase.first_x = static_cast<int>(-s.pad_left);
  p.phase_count = 1;
}

// The rows or columns of an image that have the same place `phase` in the stride: there are `size`
// of them, the first at `phase`. It meets filter position `first` at source position `source`; from
// one filter position that they meet to the next are Axis::filter_step, and in the source
// -Axis::source_step.
struct AxisPhase {
  std::int64_t phase, size, taps, first, source;
};

struct Axis {
  std::int64_t filter_step, source_step;
  std::vector<AxisPhase> phases;

  Axis(std::int64_t size, std::int64_t filter, std::int64_t stride, std::int64_t dilation,
       std::int64_t pad) {
    const std::int64_t common = std::gcd(stride, dilation);
    filter_step = stride / common;
    source_step = dilation / common;
    for (std::int64_t phase = 0; phase < std::min(stride, size); ++phase) {
      AxisPhase p{phase, ceil_div(size - phase, stride), 0, 0, 0};
      const auto from = [&](std::int64_t k) { return phase + pad - k * dilation; };
      while (p.first < std::min(filter_step, filter) && from(p.first) % stride != 0) ++p.first;
      if (p.first < std::min(filter_step, filter)) {
        p.taps = ceil_div(filter - p.first, filter_step);
        p.source = from(p.first) / stride;
      }
      phases.push_back(p);
    }
  }
};

}  // namespace

void conv_forward(const ConvShape& s, const float* x, std::int64_t x_stride, const float* filter,
                  float* y, std::int64_t y_stride, const Epilogue& epilogue, Host& host) {
  Product p;
  set_grid(p, s);
  set_image(p, x, s.batch, s.in_height, s.in_width, s.in_channels, x_stride);
  set_rows(p, filter, p.phases[0].depth, s.out_channels, s.out_channels);
  set_out(p, y, p.phases[0].positions, y_stride);
  p.epilogue = epilogue;
  start(Form::forward, p, 1, product_precision(host, s.in_channels, s.out_channels), host);
}

void conv_filter_grad(const ConvShape& s, const float* x, std::int64_t x_stride, const float* dy,
                      std::int64_t dy_stride, float* dfilter, bool accumulate, Host& host) {
  Product p;
  set_grid(p, s);
  set_image(p, x, s.batch, s.in_height, s.in_width, s.in_channels, x_stride);
  set_rows(p, dy, p.phases[0].positions, dy_stride, s.out_channels);
  set_out(p, dfilter, p.phases[0].depth, s.out_channels);
  p.epilogue.accumulate = accumulate;
  start(Form::filter_grad, p, 1, product_precision(host, s.in_channels, s.out_channels), host);
}

void conv_input_grad(const ConvShape& s, const float* dy, std::int64_t dy_stride,
                     const float* filter, float* dx, std::int64_t dx_stride,
                     const Epilogue& epilogue, Host& host) {
  require_reach(s.filter_height, s.dilation_h, s.pad_top);
  require_reach(s.filter_width, s.dilation_w, s.pad_left);
  const Axis rows(s.in_height, s.filter_height, s.stride_h, s.dilation_h, s.pad_top);
  const Axis columns(s.in_width, s.filter_width, s.stride_w, s.dilation_w, s.pad_left);
  Product p;
  set_image(p, dy, s.batch, s.out_height, s.out_width, s.out_channels, dy_stride);
  set_columns(p, filter, s.filter_height * s.filter_width, s.in_channels, s.out_channels);
  set_out(p, dx, s.batch * s.in_height * s.in_width, dx_stride);
  p.epilogue = epilogue;
  p.tap_y = as_int(rows.source_step, "rows") * -1;
  p.tap_x = as_int(columns.source_step, "columns") * -1;
  p.filter_y = as_int(rows.filter_step * s.filter_width, "taps");
  p.filter_x = as_int(columns.filter_step, "taps");
  p.dense = s.stride_h == 1 && s.stride_w == 1;
  p.out_height = as_int(s.in_height, "rows");
  p.out_width = as_int(s.in_width, "columns");
  p.out_step_y = as_int(s.stride_h, "rows");
  p.out_step_x = as_int(s.stride_w, "columns");

  std::vector<Phase> phases;
  for (const AxisPhase& row : rows.phases)
    for (const AxisPhase& column : columns.phases) {
      Phase phase;
      phase.positions = as_int(s.batch * row.size * column.size, "pixels");
      phase.width = Divisor(column.size);
      phase.height = Divisor(row.size);
      phase.depth = as_int(row.taps * column.taps * s.out_channels, "elements");
      phase.taps_x = Divisor(column.taps);
      phase.first_y = static_cast<int>(row.source);
      phase.first_x = static_cast<int>(column.source);
      phase.first_tap = as_int(row.first * s.filter_width + column.first, "taps");
      phase.out_y = static_cast<int>(row.phase);
      phase.out_x = static_cast<int>(column.phase);
      phases.push_back(phase);
    }
  // Those with the most work begin first.
  std::ranges::stable_sort(phases, std::ranges::greater{}, &Phase::depth);
  for (std::size_t first = 0; first < phases.size(); first += Product::kMaxPhases) {
    const std::size_t count = std::min<std::size_t>(Product::kMaxPhases, phases.size() - first);
    std::copy_n(phases.begin() + static_cast<std::ptrdiff_t>(first), count, p.phases);
    p.phase_count = static_cast<int>(count);
    start(Form::input_grad, p, 1, product_precision(host, s.in_channels, s.out_channels), host);
  }
}

void register_conv(KernelTable& table) {
  ConvKernels<conv_forward, conv_input_grad, conv_filter_grad, epilogue_of>::add(table);
}

}  // namespace rareface::cuda
