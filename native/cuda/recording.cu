#include <algorithm>

#include "launch.h"
#include "recording.h"

namespace rareface::cuda {
namespace {

// What a stream that records has so far: its graph, and what the next piece of work waits for.
struct State {
  cudaGraph_t graph = nullptr;
  Recording::Nodes last;
};

State state_of(cudaStream_t stream) {
  State state;
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  const cudaGraphNode_t* nodes = nullptr;
  std::size_t count = 0;
#if CUDART_VERSION >= 13000
  check(cudaStreamGetCaptureInfo(stream, &status, nullptr, &state.graph, &nodes, nullptr, &count),
        "recording");
#else
  check(cudaStreamGetCaptureInfo_v2(stream, &status, nullptr, &state.graph, &nodes, &count),
        "recording");
#endif
  require(status == cudaStreamCaptureStatusActive, "recording: it has been ended by an error");
  state.last.assign(nodes, nodes + count);
  return state;
}

struct DestroyGraph {
  void operator()(cudaGraph_t graph) const { cudaGraphDestroy(graph); }
};
using Graph = std::unique_ptr<std::remove_pointer_t<cudaGraph_t>, DestroyGraph>;

// Ends a recording of which nothing is wanted; its errors were thrown before.
void abandon(cudaStream_t stream) {
  cudaGraph_t raw = nullptr;
  cudaStreamEndCapture(stream, &raw);
  const Graph destroyed(raw);
  (void)cudaGetLastError();
}

}  // namespace

Recording::Recording(cudaStream_t stream) : stream_(stream) {
  // Relaxed: kernels' scratch is allocated meanwhile, and other threads allocate and write.
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed), "recording");
  try {
    start_.resize(1);
    check(cudaGraphAddEmptyNode(start_.data(), state_of(stream).graph, nullptr, 0), "recording");
  } catch (...) {
    abandon(stream);
    throw;
  }
}

Recording::~Recording() {
  if (!ended_) abandon(stream_);
}

void Recording::wait_for(Nodes nodes, const Nodes& more) {
  nodes.insert(nodes.end(), more.begin(), more.end());
  std::ranges::sort(nodes);
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
#if CUDART_VERSION >= 13000
  check(cudaStreamUpdateCaptureDependencies(stream_, nodes.data(), nullptr, nodes.size(),
                                            cudaStreamSetCaptureDependencies),
        "recording");
#else
  check(cudaStreamUpdateCaptureDependencies(stream_, nodes.data(), nodes.size(),
                                            cudaStreamSetCaptureDependencies),
        "recording");
#endif
}

Recording::Nodes Recording::last() const { return state_of(stream_).last; }

Exec Recording::finish() {
  ended_ = true;
  cudaGraph_t raw = nullptr;
  check(cudaStreamEndCapture(stream_, &raw), "recording");
  const Graph graph(raw);
  cudaGraphExec_t exec = nullptr;
  check(cudaGraphInstantiate(&exec, raw, 0), "making a graph");
  return Exec(exec);
}

}  // namespace rareface::cuda
