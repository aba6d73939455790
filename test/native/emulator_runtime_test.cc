// The CUDA emulator: memory, streams and graphs.
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "emulator.h"

namespace emulator::testing {
namespace {

__global__ void add(float* to, const float* from) { to[threadIdx.x] += from[threadIdx.x]; }
__global__ void stick() {
  if (threadIdx.x == 0)
    __syncwarp();
  else
    __syncthreads();
}

class StreamTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), cudaSuccess);
  }
  void TearDown() override { cudaStreamDestroy(stream_); }
  void begin() {
    ASSERT_EQ(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeRelaxed), cudaSuccess);
  }
  // The graph of what was captured, ready to run; null when that failed.
  cudaGraphExec_t end(std::size_t nodes) {
    cudaGraph_t graph = nullptr;
    if (cudaStreamEndCapture(stream_, &graph) != cudaSuccess) return nullptr;
    std::size_t count = 0;
    EXPECT_EQ(cudaGraphGetNodes(graph, nullptr, &count), cudaSuccess);
    EXPECT_EQ(count, nodes);
    cudaGraphExec_t exec = nullptr;
    EXPECT_EQ(cudaGraphInstantiate(&exec, graph), cudaSuccess);
    EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
    return exec;
  }
  void start(unsigned threads, std::function<void()> body, std::vector<const void*> pointers = {}) {
    launch(reinterpret_cast<const void*>(add), 1, threads, 0, stream_, std::move(body),
           std::move(pointers));
  }
  cudaStream_t stream_ = nullptr;
};

TEST_F(StreamTest, ReplaysWhatWasCaptured) {
  Buffer<float> a{1, 2, 3}, b{10, 20, 30}, c(3);
  begin();
  float* to = c;
  EXPECT_EQ(cudaMemcpyAsync(c, a, 12, cudaMemcpyDeviceToDevice, stream_), cudaSuccess);
  start(3, [to, from = static_cast<float*>(b)] { add(to, from); });
  EXPECT_EQ(cudaMemsetAsync(a, 0, 4, stream_), cudaSuccess);
  EXPECT_TRUE(std::isnan(c.values()[0]));
  EXPECT_EQ(a.values()[0], 1);
  cudaGraphExec_t exec = end(3);
  EXPECT_EQ(cudaGraphLaunch(exec, stream_), cudaSuccess);
  EXPECT_EQ(c.values(), (std::vector<float>{11, 22, 33}));
  b = std::vector<float>{10, 70, 30};
  EXPECT_EQ(cudaGraphLaunch(exec, stream_), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(stream_), cudaSuccess);
  EXPECT_EQ(c.values(), (std::vector<float>{10, 72, 33}));
  EXPECT_EQ(cudaGraphExecDestroy(exec), cudaSuccess);
}

TEST_F(StreamTest, AReplayKeepsToWhatWorkWaitsForAndToNothingElse) {
  std::string done;
  const auto work = [&](char name) { start(1, [&done, name] { done += name; }); };
  const auto awaited = [&] {
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    const cudaGraphNode_t* nodes = nullptr;
    std::size_t count = 0;
    EXPECT_EQ(cudaStreamGetCaptureInfo(stream_, &status, nullptr, nullptr, &nodes, nullptr, &count),
              cudaSuccess);
    EXPECT_EQ(status, cudaStreamCaptureStatusActive);
    return std::vector<cudaGraphNode_t>(nodes, nodes + count);
  };
  const auto wait_for = [&](std::vector<cudaGraphNode_t> nodes) {
    return cudaStreamUpdateCaptureDependencies(stream_, nodes.data(), nullptr, nodes.size(),
                                               cudaStreamSetCaptureDependencies);
  };
  begin();
  work('a');
  const auto a = awaited();
  ASSERT_EQ(a.size(), 1u);
  work('b');
  const auto b = awaited();
  EXPECT_EQ(wait_for(a), cudaSuccess);
  work('c');
  const auto c = awaited();
  EXPECT_EQ(wait_for({a[0], a[0]}), cudaErrorInvalidValue);
  EXPECT_EQ(wait_for({b[0], c[0]}), cudaSuccess);
  work('d');
  EXPECT_EQ(wait_for(a), cudaSuccess);
  work('e');
  cudaGetLastError();
  cudaGraphExec_t exec = end(5);
  const auto replayed = [&](const char* name) {
    const Order order(name);
    done.clear();
    EXPECT_EQ(cudaGraphLaunch(exec, stream_), cudaSuccess);
    return done;
  };
  EXPECT_EQ(replayed("forward"), "abcde");
  EXPECT_EQ(replayed("reverse"), "aecbd");
  const std::string any = replayed("shuffled");
  EXPECT_EQ(any.size(), 5u);
  EXPECT_EQ(any[0], 'a');
  EXPECT_LT(std::max(any.find('b'), any.find('c')), any.find('d'));
  EXPECT_EQ(cudaGraphExecDestroy(exec), cudaSuccess);
  EXPECT_EQ(wait_for(a), cudaErrorIllegalState);
  cudaGetLastError();
}

TEST_F(StreamTest, AReplayMissesMemoryThatIsGone) {
  auto data = std::make_unique<Buffer<float>>(3);
  begin();
  start(3, [to = static_cast<float*>(*data)] { add(to, to); }, {*data});
  cudaGraphExec_t exec = end(1);
  EXPECT_EQ(cudaGraphLaunch(exec, stream_), cudaSuccess);
  data.reset();
  EXPECT_EQ(cudaGraphLaunch(exec, stream_), cudaErrorIllegalAddress);
  cudaGetLastError();
  cudaGraphExecDestroy(exec);
}

TEST(Emulator, RefusesPointersOfTheHost) {
  const Buffer<float> data(3);
  float host = 0;
  EXPECT_EQ(run({1, 3}, add, data, data), "");
  expect_says(run({1, 3}, add, data, &host), {"cudaErrorIllegalAddress", "pointer 2 of 2"});
  expect_says(run({1, 3}, add, data - 1, data), {"pointer 1 of 2"});
}

TEST_F(StreamTest, AReplaySaysWhatWentWrong) {
  begin();
  start(2, stick);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  cudaGraphExec_t exec = end(1);
  EXPECT_EQ(cudaGraphLaunch(exec, stream_), cudaErrorLaunchFailure);
  expect_says(cudaGetErrorString(cudaGetLastError()), {"divergent barrier"});
  cudaGraphExecDestroy(exec);
}

TEST_F(StreamTest, WaitingEndsACapture) {
  begin();
  EXPECT_EQ(cudaStreamSynchronize(stream_), cudaErrorStreamCaptureUnsupported);
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(stream_, &graph), cudaErrorStreamCaptureInvalidated);
  EXPECT_EQ(graph, nullptr);
  EXPECT_EQ(cudaStreamEndCapture(stream_, &graph), cudaErrorIllegalState);
  cudaGetLastError();
}

TEST(Emulator, KnowsTheMemoryOfTheDevice) {
  Buffer<float> device(4);
  std::vector<float> host{1, 2, 3, 4};
  EXPECT_EQ(cudaMemcpy(device, host.data(), 16, cudaMemcpyHostToDevice), cudaSuccess);
  EXPECT_EQ(cudaMemcpy(host.data(), device + 1, 12, cudaMemcpyDeviceToHost), cudaSuccess);
  EXPECT_EQ(host, (std::vector<float>{2, 3, 4, 4}));
  const auto refused = [&](void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
    EXPECT_EQ(cudaMemcpy(to, from, bytes, kind), cudaErrorInvalidValue);
    return std::string(cudaGetErrorString(cudaGetLastError()));
  };
  expect_says(refused(device, host.data(), 16, cudaMemcpyDeviceToDevice), {"copying from 16"});
  expect_says(refused(host.data(), host.data() + 2, 8, cudaMemcpyHostToDevice), {"copying to 8"});
  expect_says(refused(device + 2, host.data(), 16, cudaMemcpyHostToDevice), {"they leave a block"});
  expect_says(refused(device, device + 1, 12, cudaMemcpyDeviceToDevice), {"they overlap"});
  EXPECT_EQ(cudaMemsetAsync(host.data(), 0, 4, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(host.data()), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(device + 1), cudaErrorInvalidValue);
  cudaGetLastError();
}

TEST(Emulator, CountsMemoryAndRunsOutOfIt) {
  std::size_t before = 0, during = 0, total = 0;
  ASSERT_EQ(cudaMemGetInfo(&before, &total), cudaSuccess);
  {
    const Buffer<float> taken(1000);
    ASSERT_EQ(cudaMemGetInfo(&during, &total), cudaSuccess);
    EXPECT_EQ(before - during, 4000u);
  }
  void* data = nullptr;
  EXPECT_EQ(cudaMalloc(&data, total + 1), cudaErrorMemoryAllocation);
  expect_says(cudaGetErrorString(cudaGetLastError()), {"no room for"});
  EXPECT_EQ(data, nullptr);
}

TEST(Emulator, MapsMemoryOfTheHost) {
  int* host = nullptr;
  ASSERT_EQ(cudaHostAlloc(&host, 4, cudaHostAllocMapped), cudaSuccess);
  void* device = nullptr;
  EXPECT_EQ(cudaHostGetDevicePointer(&device, host, 0), cudaSuccess);
  EXPECT_EQ(cudaMemsetAsync(device, 1, 4, nullptr), cudaSuccess);
  EXPECT_EQ(*host, 0x01010101);
  EXPECT_EQ(cudaFree(host), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFreeHost(host), cudaSuccess);
  EXPECT_EQ(cudaHostGetDevicePointer(&device, host, 0), cudaErrorInvalidValue);
  cudaGetLastError();
}

TEST(Emulator, IsOneDevice) {
  int value = 0;
  EXPECT_EQ(cudaGetDeviceCount(&value), cudaSuccess);
  EXPECT_EQ(value, 1);
  EXPECT_EQ(cudaSetDevice(0), cudaSuccess);
  EXPECT_EQ(cudaSetDevice(1), cudaErrorInvalidDevice);
  expect_says(cudaGetErrorString(cudaGetLastError()), {"there is no device 1"});
  cudaDeviceProp properties{};
  ASSERT_EQ(cudaGetDeviceProperties(&properties, 0), cudaSuccess);
  EXPECT_EQ(cudaDeviceGetAttribute(&value, cudaDevAttrComputeCapabilityMajor, 0), cudaSuccess);
  EXPECT_EQ(value, properties.major);
}

}  // namespace
}  // namespace emulator::testing
