#include "replay.h"

#include <string>
#include <utility>
#include <vector>

namespace rareface {

class Replays::Worker final : public Napi::AsyncWorker {
 public:
  Worker(Napi::Env env, Replays& replays, PlanHandle plan, std::span<const std::int32_t> ids,
         Memory& memory)
      : Napi::AsyncWorker(env), replays_(replays), plan_(std::move(plan)), memory_(memory) {
    // Before any is held, so that nothing is left held where one is not live.
    for (const std::int32_t id : ids) memory.at(id);
    ids_.assign(ids.begin(), ids.end());
    for (const std::int32_t id : ids) buffers_.push_back(memory.hold(id));
  }

  Napi::Value promise() {
    napi_value promise = nullptr;
    if (napi_create_promise(Env(), &deferred_, &promise) != napi_ok) throw Napi::Error::New(Env());
    return {Env(), promise};
  }

  void Execute() override {
    try {
      plan_->run(buffers_);
    } catch (const std::exception& error) {
      failure_ = error.what();
      if (failure_.empty()) failure_ = "a kernel failed";
    }
    replays_.end();
  }

  // In an environment that is being torn down none of these calls can be made, and nobody waits for
  // the promise: so their status is not looked at, where node-addon-api's own would throw.
  void OnOK() override {
    for (const std::int32_t id : ids_) memory_.let_go(id);
    napi_value value = nullptr;
    if (failure_.empty()) {
      napi_get_undefined(Env(), &value);
      napi_resolve_deferred(Env(), deferred_, value);
      return;
    }
    napi_value message = nullptr;
    napi_create_string_utf8(Env(), failure_.data(), failure_.size(), &message);
    napi_create_error(Env(), nullptr, message, &value);
    napi_reject_deferred(Env(), deferred_, value);
  }

 private:
  Replays& replays_;
  PlanHandle plan_;
  Memory& memory_;
  napi_deferred deferred_ = nullptr;
  std::string failure_;
  std::vector<std::int32_t> ids_;
  std::vector<Memory::Buffer> buffers_;
};

Napi::Value Replays::start(Napi::Env env, PlanHandle plan, std::span<const std::int32_t> ids,
                           Memory& memory) {
  wait();
  auto worker = std::make_unique<Worker>(env, *this, std::move(plan), ids, memory);
  const Napi::Value promise = worker->promise();
  running_ = true;
  worker->Queue();
  (void)worker.release();  // it deletes itself when it is done
  return promise;
}

void Replays::wait() {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return !running_; });
}

void Replays::end() {
  // Notified under the lock: the waiter may destroy this at once.
  const std::lock_guard lock(mutex_);
  running_ = false;
  ended_.notify_all();
}

}  // namespace rareface
