#include "plan.h"

#include <algorithm>
#include <utility>

#include "views.h"

namespace rareface {

Plan::Plan(std::span<const std::int32_t> calls, std::span<const double> attrs,
           std::span<const std::int32_t> turns, std::span<const std::int32_t> moving,
           const KernelList& list, std::shared_ptr<Device> device)
    : device_(std::move(device)), attrs_(attrs.begin(), attrs.end()) {
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
  if (!device_->records()) return;
  read_turns(turns);
  note_uses(moving);
}

void Plan::read_turns(std::span<const std::int32_t> turns) {
  turns_.resize(steps_.size());
  if (turns.empty()) return;
  Numbers numbers(turns);
  for (std::size_t i = 0; i < turns_.size(); ++i) {
    auto& [lane, after] = turns_[i];
    lane = static_cast<std::size_t>(numbers.take_count());
    require(lane <= i, "call ", i, " cannot have lane ", lane);
    after.resize(static_cast<std::size_t>(numbers.take_count()));
    for (std::size_t& other : after) {
      other = static_cast<std::size_t>(numbers.take_count());
      require(other < i, "call ", i, " cannot wait for call ", other);
    }
  }
  require(numbers.empty(), "there are more turns than calls");
}

void Plan::note_uses(std::span<const std::int32_t> moving) {
  for (const std::int32_t number : moving) {
    const auto binding = static_cast<std::size_t>(number);
    bool read = false, written = false;
    for (const Step& step : steps_)
      for (int i = 0; i < step.inputs + step.outputs; ++i) {
        if (operands_[step.first_operand + static_cast<std::size_t>(i)].binding != binding)
          continue;
        if (i >= step.inputs)
          written = true;
        else if (!written)
          read = true;
      }
    moving_.push_back({binding, read, written, {}, 0});
  }
}

void Plan::place(std::span<const Memory::Buffer> bindings) {
  for (std::size_t i = 0; i < operands_.size(); ++i) {
    const auto& [binding, offset] = operands_[i];
    require(binding < bindings.size(), "there is no binding ", binding);
    const auto& buffer = bindings[binding];
    require(offset <= buffer.bytes, "a tensor starts at byte ", offset, " of a buffer of ",
            buffer.bytes, " bytes");
    require_fit(views_[i], buffer.bytes - offset);
    views_[i].data = static_cast<std::byte*>(buffer.data) + offset;
  }
}

void Plan::run_call(const Step& step) {
  Call call;
  call.kernel = step.kernel->name.c_str();
  call.bind(views_.data() + step.first_operand, step.inputs, step.outputs);
  call.attrs = attrs_.data() + step.first_attr;
  call.attr_count = step.attrs;
  call.precision = step.precision;
  device_->run(step.kernel->kernel, call);
}

void Plan::run(std::span<const Memory::Buffer> bindings) {
  if (device_->records()) {
    run_graph(bindings);
  } else {
    place(bindings);
    for (const Step& step : steps_) run_call(step);
  }
  device_->wait();
}

void Plan::run_graph(std::span<const Memory::Buffer> bindings) {
  std::vector<Memory::Buffer> placed(bindings.begin(), bindings.end());
  for (Moving& moving : moving_) {
    require(moving.binding < placed.size(), "there is no binding ", moving.binding);
    Memory::Buffer& buffer = placed[moving.binding];
    if (moving.bytes != buffer.bytes || !moving.copy) {
      graph_.reset();  // it may know the old copy
      moving.copy = allocate_block(*device_, buffer.bytes);
      moving.bytes = buffer.bytes;
    }
    buffer.data = moving.copy.get();
  }
  const auto same = [](const Memory::Buffer& a, const Memory::Buffer& b) {
    return a.data == b.data && a.bytes == b.bytes;
  };
  if (!graph_ || !std::ranges::equal(placed, recorded_, same)) {
    graph_.reset();
    place(placed);
    graph_ = device_->record(turns_, [this](std::size_t i) { run_call(steps_[i]); });
    recorded_ = placed;
  }
  for (const Moving& moving : moving_)
    if (moving.read) device_->copy(moving.copy.get(), bindings[moving.binding].data, moving.bytes);
  graph_->launch();
  for (const Moving& moving : moving_)
    if (moving.written)
      device_->copy(bindings[moving.binding].data, moving.copy.get(), moving.bytes);
}

}  // namespace rareface
