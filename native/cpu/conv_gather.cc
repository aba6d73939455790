#include "conv_gather.h"

#include <cstring>

namespace rareface::cpu {

Axis forward_axis(std::int64_t out, std::int64_t filter, std::int64_t stride, std::int64_t dilation,
                  std::int64_t pad) {
  Axis axis{.grid = out, .step = stride, .taps = {}};
  for (std::int64_t k = 0; k < filter; ++k) axis.taps.push_back({k, k * dilation - pad});
  return axis;
}

Axis backward_axis(std::int64_t in, std::int64_t filter, std::int64_t stride, std::int64_t dilation,
                   std::int64_t pad, std::int64_t phase) {
  Axis axis{.grid = ceil_div(std::max<std::int64_t>(0, in - phase), stride),
            .out_begin = phase,
            .out_step = stride,
            .taps = {}};
  for (std::int64_t k = filter - 1; k >= 0; --k) {
    const std::int64_t meets = phase + pad - k * dilation;
    if (meets % stride == 0) axis.taps.push_back({k, meets / stride});
  }
  return axis;
}

PixelGather::PixelGather(const Image& source, const Axis& y, const Axis& x, std::int64_t out_height,
                         std::int64_t out_width, Host& host)
    : source_(source), y_(&y), x_(&x), out_height_(out_height), out_width_(out_width) {
  const bool within =
      y.first() >= 0 && y.end() <= source.height && x.first() >= 0 && x.end() <= source.width;
  const bool joined = within && source.stride == source.channels;  // as it lies
  const bool join = (joined || source.channels < kLanes) && x.taps.size() > 1 && x.consecutive();
  if (join && !joined) copy_with_margin(host);
  for (const auto& ty : y.taps) {
    for (const auto& tx : x.taps) {
      dy_.push_back(ty.offset + top_);
      dx_.push_back(tx.offset + left_);
      if (join) break;
    }
  }
  segments_.count = static_cast<std::int64_t>(dy_.size());
  segments_.length = source.channels * (join ? static_cast<std::int64_t>(x.taps.size()) : 1);
  if (!join && !within) {
    const auto bytes = static_cast<std::size_t>(segments_.length) * sizeof(float);
    zeros_ = static_cast<const float*>(std::memset(host.scratch(bytes), 0, bytes));
  }
}

void PixelGather::copy_with_margin(Host& host) {
  top_ = std::max<std::int64_t>(0, -y_->first());
  left_ = std::max<std::int64_t>(0, -x_->first());
  Image copy = source_;
  copy.height = top_ + std::max(source_.height, y_->end());
  copy.width = left_ + std::max(source_.width, x_->end());
  copy.stride = source_.channels;
  const std::int64_t row = copy.width * copy.stride;
  auto* data = static_cast<float*>(
      host.scratch(static_cast<std::size_t>(copy.batch * copy.height * row) * sizeof(float)));
  auto task = [&](std::int64_t index) {
    float* to = data + index * row;
    const std::int64_t n = index / copy.height;
    const std::int64_t y = index % copy.height - top_;
    std::memset(to, 0, static_cast<std::size_t>(row) * sizeof(float));
    if (y < 0 || y >= source_.height) return;
    to += left_ * copy.stride;
    const float* from = source_.data + (n * source_.height + y) * source_.width * source_.stride;
    for (std::int64_t x = 0; x < source_.width; ++x)
      for (std::int64_t c = 0; c < source_.channels; ++c)
        to[x * copy.stride + c] = from[x * source_.stride + c];
  };
  host.parallel(copy.batch * copy.height, task);
  copy.data = data;
  source_ = copy;
}

PixelGather::Position PixelGather::position(std::int64_t row) const {
  return {row / (y_->grid * x_->grid), row / x_->grid % y_->grid, row % x_->grid};
}

void PixelGather::advance(Position& p) const {
  if (++p.x < x_->grid) return;
  p.x = 0;
  if (++p.y < y_->grid) return;
  p.y = 0;
  ++p.n;
}

Part PixelGather::pointers(Part rows, Part segments, std::int64_t skip, const float** table) const {
  std::int64_t y[kTileRows] = {}, x[kTileRows] = {}, at[kTileRows] = {};
  const std::int64_t count = rows.size();
  Position p = position(rows.begin);
  const std::int64_t first_image = p.n;
  for (std::int64_t i = 0; i < count; ++i) {
    y[i] = p.y * y_->step;
    x[i] = p.x * x_->step;
    at[i] = ((p.n * source_.height + y[i]) * source_.width + x[i]) * source_.stride + skip;
    advance(p);
  }
  // Rows of the filter that lie above or below the image for all of these pixels give nothing.
  // Their segments are the first or the last.
  const auto offset_y = [&](std::int64_t segment) {
    return dy_[static_cast<std::size_t>(segment)];
  };
  Part live = segments;
  if (zeros_ && (p.n == first_image || (p.x == 0 && p.y == 0 && p.n == first_image + 1))) {
    while (live.begin < live.end && y[count - 1] + offset_y(live.begin) < 0) ++live.begin;
    while (live.begin < live.end && y[0] + offset_y(live.end - 1) >= source_.height) --live.end;
  }
  // Addresses, not pointers: those outside are formed and not used.
  const auto base = reinterpret_cast<std::uintptr_t>(source_.data);
  const auto zeros = reinterpret_cast<std::uintptr_t>(zeros_);
  const auto height = static_cast<std::uint64_t>(source_.height);
  const auto width = static_cast<std::uint64_t>(source_.width);
  for (std::int64_t s = live.begin; s < live.end; ++s, table += kTileRows) {
    const std::int64_t dy = dy_[static_cast<std::size_t>(s)];
    const std::int64_t dx = dx_[static_cast<std::size_t>(s)];
    const std::int64_t offset = (dy * source_.width + dx) * source_.stride;
    for (int i = 0; i < kTileRows; ++i) {
      const auto address = base + static_cast<std::uintptr_t>(at[i] + offset) * sizeof(float);
      const bool inside = !zeros || (static_cast<std::uint64_t>(y[i] + dy) < height &&
                                     static_cast<std::uint64_t>(x[i] + dx) < width);
      table[i] = reinterpret_cast<const float*>(inside ? address : zeros);
    }
  }
  return live;
}

void PixelGather::pixels(Part rows, std::int64_t* pixel) const {
  Position p = position(rows.begin);
  for (std::int64_t i = 0; i < rows.size(); ++i, advance(p))
    pixel[i] = (p.n * out_height_ + y_->out_begin + p.y * y_->out_step) * out_width_ +
               x_->out_begin + p.x * x_->out_step;
}

std::int64_t PixelGather::columns(Part rows, std::int64_t segment, Column* table) const {
  const std::int64_t dy = dy_[static_cast<std::size_t>(segment)];
  const std::int64_t dx = dx_[static_cast<std::size_t>(segment)];
  const std::int64_t step = x_->step;
  // The grid's columns whose source is inside: 0 <= x * step + dx < width.
  const std::int64_t first = dx >= 0 ? 0 : ceil_div(-dx, step);
  const std::int64_t last = dx >= source_.width ? 0 : ceil_div(source_.width - dx, step);
  Column* to = table;
  Position p = position(rows.begin);
  for (std::int64_t row = rows.begin; row < rows.end;) {
    const std::int64_t run = std::min(rows.end - row, x_->grid - p.x);
    const std::int64_t y = p.y * y_->step + dy;
    const std::int64_t begin = std::clamp<std::int64_t>(first - p.x, 0, run);
    const std::int64_t end = std::clamp<std::int64_t>(last - p.x, begin, run);
    if (y >= 0 && y < source_.height && begin < end) {
      const std::int64_t x = (p.x + begin) * step + dx;
      std::int64_t at = ((p.n * source_.height + y) * source_.width + x) * source_.stride;
      for (std::int64_t i = begin; i < end; ++i, at += step * source_.stride)
        *to++ = {source_.data + at, row + i};
    }
    row += run;
    p.x += run - 1;
    advance(p);
  }
  return to - table;
}

}  // namespace rareface::cpu
