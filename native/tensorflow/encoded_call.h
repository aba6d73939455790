// A kernel call as an op takes it: its tensors, and beside them one tensor of int32 that says what
// is to be done with them. In a tensor and not in attributes, since TensorFlow keeps a kernel for
// every set of attributes that it ever saw.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "../runtime/kernel.h"

namespace rareface::tensorflow {

struct EncodedCall {
  // Numbers (made by ts/backend/tensorflow/encode-call.ts): kernel, precision, inputs, outputs and
  // attributes (how many), the attributes as doubles of two numbers each, then for each tensor
  // dtype, rank, dims...; what follows is not read. Throws std::runtime_error for what is no call.
  void read(std::span<const std::int32_t> numbers);

  std::size_t kernel = 0;
  Precision precision = Precision::float32;
  int inputs = 0;
  int outputs = 0;
  std::vector<double> attrs;
  std::vector<View> views;  // the inputs, then the outputs; without data
};

}  // namespace rareface::tensorflow
