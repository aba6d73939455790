#include "encoded_call.h"

#include <cstring>

#include "../runtime/views.h"

namespace rareface::tensorflow {

void EncodedCall::read(std::span<const std::int32_t> numbers) {
  Numbers next(numbers);
  kernel = static_cast<std::size_t>(next.take_count());
  precision = precision_of(next.take());
  inputs = next.take_count();
  outputs = next.take_count();
  const int attr_count = next.take_count();
  attrs.clear();
  for (int i = 0; i < attr_count; ++i) {
    const std::int32_t halves[] = {next.take(), next.take()};
    double attr = 0;
    static_assert(sizeof attr == sizeof halves);
    std::memcpy(&attr, halves, sizeof attr);
    attrs.push_back(attr);
  }
  views.clear();
  for (std::int64_t i = 0; i < std::int64_t{inputs} + outputs; ++i)
    views.push_back(take_view(next));
}

}  // namespace rareface::tensorflow
