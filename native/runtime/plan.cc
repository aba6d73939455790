#include "plan.h"

#include "views.h"

namespace rareface {
Plan::Plan(std::span<const std::int32_t> calls, std::span<const double> attrs,
           const KernelList& list)
    : attrs_(attrs.begin(), attrs.end()) {
  Numbers numbers(calls);
  std::size_t attr = 0;
  while (!numbers.empty()) {
    const std::int32_t kernel = numbers.take();
    require(kernel >= 0 && static_cast<std::size_t>(kernel) < list.entries().size(),
            "no kernel has the number ", kernel);
    Step step{.kernel = &list.entries()[static_cast<std::size_t>(kernel)],
              .first_operand = operands_.size(),
              .precision = precision_of(numbers.take()),
              .inputs = numbers.take_count(),
              .outputs = numbers.take_count(),
              .first_attr = attr,
              .attrs = numbers.take_count()};
    attr += static_cast<std::size_t>(step.attrs);
    require(attr <= attrs_.size(), "the attributes end too early");
    for (std::int64_t i = 0; i < std::int64_t{step.inputs} + step.outputs; ++i) {
      const int binding = numbers.take_count();
      const int offset = numbers.take_count();
      operands_.push_back(
          {static_cast<std::size_t>(binding), static_cast<std::size_t>(offset * kOffsetUnit)});
      views_.push_back(take_view(numbers));
    }
    steps_.push_back(step);
  }
}

void Plan::run(std::span<const Memory::Buffer> bindings, CpuHost& host) {
  for (std::size_t i = 0; i < operands_.size(); ++i) {
    const auto& [binding, offset] = operands_[i];
    require(binding < bindings.size(), "there is no binding ", binding);
    const auto& buffer = bindings[binding];
    require(offset <= buffer.bytes, "a tensor starts at byte ", offset, " of a buffer of ",
            buffer.bytes, " bytes");
    require_fit(views_[i], buffer.bytes - offset);
    views_[i].data = static_cast<std::byte*>(buffer.data) + offset;
  }
  for (const Step& step : steps_) {
    Call call;
    call.kernel = step.kernel->name.c_str();
    call.bind(views_.data() + step.first_operand, step.inputs, step.outputs);
    call.attrs = attrs_.data() + step.first_attr;
    call.attr_count = step.attrs;
    call.precision = step.precision;
    host.run(step.kernel->kernel, call);
  }
}

}  // namespace rareface
