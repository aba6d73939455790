// Reflection padding of height and width, and its gradient: each is the other's gradient.
#include "../arguments/reflect_pad.h"

#include "blocks.h"
#include "register.h"

namespace rareface::cpu {
namespace {

// x -> y [N, H + 2 pad, W + 2 pad, C]; attribute: pad.
void reflect_pad(const Call& call) {
  const ReflectPadSizes s = reflect_pad_sizes(call, call.in[0], call.out[0]);
  const float* x = call.in[0].f32();
  float* y = call.out[0].f32_out();
  const std::int64_t c = s.channels, row = s.padded_width * c;
  for_rows(call, s.batch * s.padded_height, row, kCheapGrain,
           [&](std::int64_t begin, std::int64_t end) {
             for (std::int64_t r = begin; r < end; ++r) {
               std::int64_t from = r % s.padded_height - s.pad;
               if (from < 0) from = -from;
               if (from >= s.height) from = 2 * (s.height - 1) - from;
               const float* in = x + (r / s.padded_height * s.height + from) * s.width * c;
               float* out = y + r * row;
               std::copy_n(in, s.width * c, out + s.pad * c);
               for (std::int64_t i = 1; i <= s.pad; ++i) {
                 std::copy_n(in + i * c, c, out + (s.pad - i) * c);
                 std::copy_n(in + (s.width - 1 - i) * c, c, out + (s.pad + s.width - 1 + i) * c);
               }
             }
           });
}

void add_to(float* sum, const float* x, std::int64_t count) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) sum[i] += x[i];
}

// dy [N, H + 2 pad, W + 2 pad, C] -> dx: every pixel gathers from where it was copied to.
void reflect_pad_grad(const Call& call) {
  const ReflectPadSizes s = reflect_pad_sizes(call, call.out[0], call.in[0]);
  const float* dy = call.in[0].f32();
  float* dx = call.out[0].f32_out();
  const std::int64_t c = s.channels, row = s.width * c;
  for_rows(call, s.batch * s.height, row, kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const std::int64_t y = r % s.height;
      const float* image = dy + r / s.height * s.padded_height * s.padded_width * c;
      float* out = dx + r * row;
      const auto add_row = [&](std::int64_t from) {
        const float* in = image + from * s.padded_width * c;
        add_to(out, in + s.pad * c, row);
        for (std::int64_t i = 1; i <= s.pad; ++i) {
          add_to(out + i * c, in + (s.pad - i) * c, c);
          add_to(out + (s.width - 1 - i) * c, in + (s.pad + s.width - 1 + i) * c, c);
        }
      };
      std::fill_n(out, row, 0.0f);
      add_row(s.pad + y);
      if (y >= 1 && y <= s.pad) add_row(s.pad - y);
      const std::int64_t below = s.height - 1 - y;
      if (below >= 1 && below <= s.pad) add_row(s.pad + s.height - 1 + below);
    }
  });
}

}  // namespace

void register_reflect_pad(KernelTable& table) {
  table.add("ReflectPad", reflect_pad);
  table.add("ReflectPadGrad", reflect_pad_grad);
}

}  // namespace rareface::cpu
