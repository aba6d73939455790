// Pooling over NHWC images: what its kernels and their gradients take.
#pragma once

#include "call.h"

namespace rareface {

// Attributes of every kernel here, in this order: strides, dilations and sizes of the window, and
// the padding before the image; each for height, then width.
struct Window {
  std::int64_t batch, in_h, in_w, out_h, out_w, channels;
  std::int64_t stride_h, stride_w, dilation_h, dilation_w, filter_h, filter_w, pad_h, pad_w;

  Window(const Call& call, const View& image, const View& pooled) {
    require(image.rank == 4 && pooled.rank == 4, "takes tensors of rank 4");
    require(image.dtype == DType::float32 && pooled.dtype == DType::float32, "takes float32 only");
    require(image.dims[0] == pooled.dims[0] && image.dims[3] == pooled.dims[3],
            "batch sizes or channels differ");
    batch = image.dims[0];
    in_h = image.dims[1];
    in_w = image.dims[2];
    channels = image.dims[3];
    out_h = pooled.dims[1];
    out_w = pooled.dims[2];
    stride_h = call.attr_int(0);
    stride_w = call.attr_int(1);
    dilation_h = call.attr_int(2);
    dilation_w = call.attr_int(3);
    filter_h = call.attr_int(4);
    filter_w = call.attr_int(5);
    pad_h = call.attr_int(6);
    pad_w = call.attr_int(7);
    require(stride_h > 0 && stride_w > 0 && dilation_h > 0 && dilation_w > 0 && filter_h > 0 &&
                filter_w > 0,
            "strides, dilations and sizes must be positive");
  }
};

// Inputs: x.
inline Window pool_window(const Call& call) {
  require_arity(call, 1, 1);
  return Window(call, call.in[0], call.out[0]);
}

// Inputs: dy, x.
inline Window max_pool_grad_window(const Call& call) {
  require_arity(call, 2, 1);
  require(call.out[0].size() == call.in[1].size(), "dx must have the shape of x");
  return Window(call, call.in[1], call.in[0]);
}

// Inputs: dy.
inline Window avg_pool_grad_window(const Call& call) {
  require_arity(call, 1, 1);
  return Window(call, call.out[0], call.in[0]);
}

}  // namespace rareface
