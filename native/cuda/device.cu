// A GPU as a device: its memory, one stream for all that runs on it, and graphs.
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "../runtime/device.h"
#include "../runtime/scratch.h"
#include "launch.h"
#include "recording.h"

namespace rareface::cuda {
namespace {

constexpr int kLeastMajor = 8;  // compute capability 8.0: tensor cores for tf32 and bf16, cp.async

std::string version_of(int number) {
  return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
}

// Throws, with a remedy, where this GPU cannot be used.
void check_usable(int number) {
  int driver = 0, runtime = 0, count = 0;
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  const cudaError_t status = cudaGetDeviceCount(&count);
  (void)cudaGetLastError();  // told below
  if (driver == 0)
    fail("there is no NVIDIA driver on this machine (nvidia-smi shows whether there is one)");
  if (status == cudaErrorInsufficientDriver)
    fail("the NVIDIA driver is too old: it knows CUDA ", version_of(driver), ", expected ",
         version_of(runtime), " or newer. Install a newer driver");
  if (status == cudaErrorNoDevice || (status == cudaSuccess && count == 0))
    fail("the NVIDIA driver shows no GPU (is it hidden by CUDA_VISIBLE_DEVICES?)");
  check(status, "looking for GPUs");
  require(number >= 0 && number < count, "there is no GPU ", number, ": ", count, " found");
  int major = 0, minor = 0;
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, number), "asking a GPU");
  check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, number), "asking a GPU");
  require(major >= kLeastMajor, "the GPU has compute capability ", major, ".", minor,
          ", expected 8.0 (A100) or newer");
}

struct DestroyStream {
  void operator()(cudaStream_t stream) const { cudaStreamDestroy(stream); }
};
using Stream = std::unique_ptr<std::remove_pointer_t<cudaStream_t>, DestroyStream>;

Stream make_stream() {
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");
  return Stream(stream);
}

struct FreeHost {
  void operator()(void* memory) const { cudaFreeHost(memory); }
};
template <class T>
using Pinned = std::unique_ptr<T[], FreeHost>;

template <class T>
Pinned<T> make_pinned(std::size_t count, unsigned flags, const char* doing) {
  void* memory = nullptr;
  check(cudaHostAlloc(&memory, count * sizeof(T), flags), doing);
  return Pinned<T>(static_cast<T*>(memory));
}

// Of pinned memory through which what is written goes.
constexpr std::size_t kStagingBytes = 4 << 20;

struct FreeDevice {
  void operator()(std::uint32_t* memory) const { cudaFree(memory); }
};

class Gpu final : public Device, public Host {
 public:
  explicit Gpu(int number) : number_(number) {
    check_usable(number);
    use();
    stream_ = make_stream();
    captured_ = make_stream();
    staging_ = make_pinned<std::byte>(kStagingBytes, cudaHostAllocDefault, "making staging memory");
    host_flags_ = make_pinned<std::int32_t>(1, cudaHostAllocMapped, "making flags");
    host_flags_[0] = 0;
    void* seen = nullptr;
    check(cudaHostGetDevicePointer(&seen, host_flags_.get(), 0), "making flags");
    device_flags_ = static_cast<std::int32_t*>(seen);
    own_lane_ = std::make_unique<Lane>(*this, false);
    lane_ = own_lane_.get();
  }
  Gpu(const Gpu&) = delete;
  Gpu& operator=(const Gpu&) = delete;
  ~Gpu() override { cudaSetDevice(number_); }

  // --- Device

  std::string description() const override {
    cudaDeviceProp properties{};
    check(cudaGetDeviceProperties(&properties, number_), "asking a GPU");
    return std::string(properties.name) + ", " + std::to_string(properties.multiProcessorCount) +
           " multiprocessors";
  }

  void* allocate(std::size_t bytes) override {
    use();
    void* memory = nullptr;
    const cudaError_t status = cudaMalloc(&memory, std::max<std::size_t>(bytes, 1));
    if (status == cudaErrorMemoryAllocation) {
      (void)cudaGetLastError();  // it is no failure of what runs
      std::size_t free = 0, total = 0;
      cudaMemGetInfo(&free, &total);
      fail("out of GPU memory: no room for ", bytes, " bytes; ", free >> 20, " of ", total >> 20,
           " MiB are free. A smaller batch size (--batch-size) takes less");
    }
    check(status, "allocating ", bytes, " bytes");
    return memory;
  }

  void free(void* memory) noexcept override {
    cudaSetDevice(number_);
    cudaFree(memory);
  }

  void write(void* to, const void* from, std::size_t bytes) override {
    // By way of staging: from other memory a copy may go on after the call returns.
    const auto* source = static_cast<const std::byte*>(from);
    auto* target = static_cast<std::byte*>(to);
    while (bytes > 0) {
      if (staged_ == kStagingBytes) {
        synchronize();
        staged_ = 0;
      }
      const std::size_t piece = std::min(bytes, kStagingBytes - staged_);
      std::byte* staging = staging_.get() + staged_;
      std::memcpy(staging, source, piece);
      transfer(target, staging, piece, cudaMemcpyHostToDevice);
      staged_ += piece;
      source += piece;
      target += piece;
      bytes -= piece;
    }
  }

  void read(void* to, const void* from, std::size_t bytes) override {
    transfer(to, from, bytes, cudaMemcpyDeviceToHost);
    wait();
  }

  void copy(void* to, const void* from, std::size_t bytes) override {
    transfer(to, from, bytes, cudaMemcpyDeviceToDevice);
  }

  void wait() override {
    synchronize();
    const auto flagged = static_cast<DeviceError>(host_flags_[0]);
    host_flags_[0] = 0;
    if (flagged == DeviceError::index_out_of_range)
      fail("a kernel was given an index outside of its tensor");
    if (flagged != DeviceError::none) fail("a kernel flagged error ", static_cast<int>(flagged));
  }

  bool records() const override { return true; }
  std::unique_ptr<Graph> record(std::span<const Turn> turns,
                                const std::function<void(std::size_t)>& call) override;

  // --- Host

  int threads() const override { return 1; }
  Precision precision() const override { return precision_; }
  void parallel(std::int64_t count, Body body) override {
    for (std::int64_t i = 0; i < count; ++i) body(i);
  }
  void* scratch(std::size_t bytes) override { return lane_->scratch.take(bytes); }
  void aside(const std::function<void(Host&)>& work) override;
  void* stream() const override { return recording_ ? captured_.get() : stream_.get(); }
  std::int32_t* flags() const override { return device_flags_; }
  std::uint32_t* counters() const override { return lane_->counters.get(); }

 protected:
  void call(Kernel kernel, Call& call) override {
    use();
    const ScratchUse scratch(lane_->scratch);
    call.host = this;
    precision_ = call.precision;
    kernel(call);
  }

 private:
  class Recorded;

  // What calls have of which one has ended when the next begins.
  struct Lane {
    Lane(Gpu& gpu, bool keep) : scratch(gpu, keep) {
      constexpr std::size_t kBytes = kCounters * sizeof(std::uint32_t);
      counters.reset(static_cast<std::uint32_t*>(gpu.allocate(kBytes)));
      check(cudaMemsetAsync(counters.get(), 0, kBytes, gpu.stream_.get()), "making counters");
    }
    Scratch scratch;
    std::unique_ptr<std::uint32_t, FreeDevice> counters;
    std::unique_ptr<Lane> side;  // of what its calls do aside
    Recording::Nodes last;       // while recording: the last work there
  };

  // Every thread has a current GPU of its own. Throws what went wrong before, so that nobody takes
  // what is in memory for results.
  void use() {
    {
      const std::lock_guard lock(broken_mutex_);
      if (!broken_.empty()) fail(broken_);
    }
    check(cudaSetDevice(number_), "using GPU ", number_);
  }

  void synchronize() {
    use();
    note(cudaStreamSynchronize(stream_.get()), "running kernels");
  }

  void transfer(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
    use();
    note(cudaMemcpyAsync(to, from, bytes, kind, stream_.get()), "copying ", bytes, " bytes");
  }

  // CUDA does not recover from what goes wrong on the device.
  template <class... Pieces>
  void note(cudaError_t status, const Pieces&... doing) {
    try {
      check(status, doing...);
    } catch (const std::runtime_error& error) {
      const std::lock_guard lock(broken_mutex_);
      broken_ = std::string("the GPU failed and cannot be used by this process any more: ") +
                error.what();
      throw std::runtime_error(broken_);
    }
  }

  int number_;
  std::mutex broken_mutex_;
  std::string broken_;
  Stream stream_, captured_;
  Pinned<std::byte> staging_;
  std::size_t staged_ = 0;  // bytes from its start that copies may still read
  Pinned<std::int32_t> host_flags_;
  std::int32_t* device_flags_ = nullptr;
  std::unique_ptr<Lane> own_lane_;  // of what is run at once
  Lane* lane_ = nullptr;            // of the work at hand; another one while recording
  Recording* recording_ = nullptr;  // at work
  bool beside_ = false;             // whether what runs was put aside
  Precision precision_ = Precision::float32;
};

// Sets a variable for a scope.
template <class T>
class During {
 public:
  During(T& variable, T value) : variable_(variable), before_(std::exchange(variable, value)) {}
  ~During() { variable_ = before_; }
  During(const During&) = delete;
  During& operator=(const During&) = delete;

 private:
  T& variable_;
  T before_;
};

void Gpu::aside(const std::function<void(Host&)>& work) {
  require(!beside_, "work that is done aside cannot put work aside");
  const During<bool> beside(beside_, true);
  std::unique_ptr<Lane>& side = lane_->side;
  if (!side) side = std::make_unique<Lane>(*this, recording_ != nullptr);
  const ScratchUse scratch(side->scratch);
  const During<Lane*> lane(lane_, side.get());
  if (!recording_) return work(*this);
  const Recording::Nodes before = recording_->last();
  recording_->wait_for(before, side->last);
  work(*this);
  side->last = recording_->last();
  recording_->wait_for(before);
}

class Gpu::Recorded final : public Graph {
 public:
  explicit Recorded(Gpu& gpu) : gpu_(gpu) {}

  void launch() override {
    gpu_.use();
    gpu_.note(cudaGraphLaunch(exec_.get(), gpu_.stream_.get()), "starting a graph");
  }

  Gpu& gpu_;
  std::deque<Lane> lanes_;
  Exec exec_;
};

std::unique_ptr<Graph> Gpu::record(std::span<const Turn> turns,
                                   const std::function<void(std::size_t)>& call) {
  use();
  auto recorded = std::make_unique<Recorded>(*this);
  Recording recording(captured_.get());
  const During<Recording*> now(recording_, &recording);
  std::vector<Recording::Nodes> ends(turns.size());
  for (std::size_t i = 0; i < turns.size(); ++i) {
    const auto& [number, after] = turns[i];
    while (number >= recorded->lanes_.size())
      recorded->lanes_.emplace_back(*this, true).last = recording.start();
    Lane& lane = recorded->lanes_[number];
    Recording::Nodes awaited = lane.last;
    for (const std::size_t other : after)
      awaited.insert(awaited.end(), ends[other].begin(), ends[other].end());
    recording.wait_for(awaited);
    const During<Lane*> current(lane_, &lane);
    call(i);
    lane.last = recording.last();
    if (lane.side)
      for (const cudaGraphNode_t node : std::exchange(lane.side->last, {}))
        lane.last.push_back(node);
    ends[i] = lane.last;
  }
  recorded->exec_ = recording.finish();
  return recorded;
}

}  // namespace
}  // namespace rareface::cuda

extern "C" __attribute__((visibility("default"))) std::unique_ptr<rareface::Device>
rareface_open_device(int number) {
  return std::make_unique<rareface::cuda::Gpu>(number);
}
