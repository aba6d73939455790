#include "stream.h"

#include <memory>
#include <utility>
#include <vector>

#include "errors.h"

using emulator::refuse;
using emulator::Work;

struct CUgraphNode_st {
  Work work;
};

struct CUgraph_st {
  std::vector<CUgraphNode_st> nodes;
};

struct CUgraphExec_st {
  std::vector<CUgraphNode_st> nodes;
};

struct CUstream_st {
  std::unique_ptr<CUgraph_st> captured;  // while capturing
  bool invalidated = false;              // the capture
};

namespace {

bool capturing(cudaStream_t stream) { return stream != nullptr && stream->captured != nullptr; }

// For what may not be done to a stream that is captured: ends the capture's hopes.
cudaError_t invalidate(cudaStream_t stream, const char* what) {
  stream->invalidated = true;
  return refuse(cudaErrorStreamCaptureUnsupported, what, " while the stream is captured");
}

}  // namespace

cudaError_t emulator::enqueue(cudaStream_t stream, Work work) {
  if (!capturing(stream)) return work();
  if (stream->invalidated)
    return refuse(cudaErrorStreamCaptureInvalidated, "an earlier error has ended this capture");
  stream->captured->nodes.push_back({std::move(work)});
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = std::make_unique<CUstream_st>().release();
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  if (stream == nullptr) return refuse(cudaErrorInvalidResourceHandle, "there is no such stream");
  const std::unique_ptr<CUstream_st> destroyed(stream);
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return capturing(stream) ? invalidate(stream, "waiting") : cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  if (stream == nullptr)
    return refuse(cudaErrorStreamCaptureUnsupported, "the default stream cannot be captured");
  if (capturing(stream)) return refuse(cudaErrorIllegalState, "the stream is captured already");
  stream->captured = std::make_unique<CUgraph_st>();
  stream->invalidated = false;
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  *graph = nullptr;
  if (!capturing(stream)) return refuse(cudaErrorIllegalState, "the stream is not captured");
  auto captured = std::move(stream->captured);
  if (stream->invalidated)
    return refuse(cudaErrorStreamCaptureInvalidated, "an earlier error has ended this capture");
  *graph = captured.release();
  return cudaSuccess;
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, std::size_t* count) {
  if (nodes != nullptr)
    for (std::size_t i = 0; i < *count; ++i)
      nodes[i] = i < graph->nodes.size() ? &graph->nodes[i] : nullptr;
  else
    *count = graph->nodes.size();
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  *exec = std::make_unique<CUgraphExec_st>(CUgraphExec_st{graph->nodes}).release();
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  if (capturing(stream)) return invalidate(stream, "launching a graph");
  for (const CUgraphNode_st& node : exec->nodes)
    if (const cudaError_t error = node.work(); error != cudaSuccess) return error;
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  const std::unique_ptr<CUgraphExec_st> destroyed(exec);
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  const std::unique_ptr<CUgraph_st> destroyed(graph);
  return cudaSuccess;
}
