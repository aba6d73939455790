#include "device.h"

namespace rareface {
namespace {

// tfjs gives a window that is larger than the image a result of negative sizes. Two of them make a
// positive number of elements, which would pass for a buffer's.
void check_dims(const Views& views) {
  for (int i = 0; i < views.size(); ++i)
    for (int axis = 0; axis < views[i].rank; ++axis)
      require(views[i].dims[axis] >= 0, "a size of ", describe(views[i]), " is negative");
}

}  // namespace

void Device::run(Kernel kernel, Call& call) {
  try {
    check_dims(call.in);
    check_dims(call.out);
    this->call(kernel, call);
  } catch (const std::exception& error) {
    std::string text = std::string("Native kernel ") + call.kernel + "(";
    for (int i = 0; i < call.in_count; ++i) text += (i ? ", " : "") + describe(call.in[i]);
    text += ") -> (";
    for (int i = 0; i < call.out_count; ++i) text += (i ? ", " : "") + describe(call.out[i]);
    throw std::runtime_error(text + ") failed: " + error.what());
  }
}

std::string describe(const View& view) {
  static constexpr const char* kNames[] = {"float32", "int32", "bool"};
  std::string text = kNames[static_cast<int>(view.dtype)];
  text += "[";
  for (int i = 0; i < view.rank; ++i) text += (i ? "," : "") + std::to_string(view.dims[i]);
  return text + "]";
}

}  // namespace rareface
