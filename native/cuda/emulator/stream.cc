#include "stream.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <memory>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "block.h"
#include "errors.h"
#include "order.h"

using emulator::Order;
using emulator::refuse;
using emulator::Work;

struct CUgraphNode_st {
  Work work;
  std::vector<std::size_t> after;  // nodes that it waits for, by number
  std::size_t number;
};

struct CUgraph_st {
  std::deque<CUgraphNode_st> nodes;  // which stay where they are

  cudaGraphNode_t add(Work work, const cudaGraphNode_t* after, std::size_t count) {
    std::vector<std::size_t> numbers;
    for (std::size_t i = 0; i < count; ++i) numbers.push_back(after[i]->number);
    nodes.push_back({std::move(work), std::move(numbers), nodes.size()});
    return &nodes.back();
  }
  bool has(cudaGraphNode_t node) const {
    return std::ranges::any_of(nodes, [=](const auto& own) { return &own == node; });
  }
};

struct CUgraphExec_st {
  std::deque<CUgraphNode_st> nodes;
};

struct CUstream_st {
  std::unique_ptr<CUgraph_st> captured;  // while capturing
  std::vector<cudaGraphNode_t> awaited;  // by what is captured next
  bool invalidated = false;              // the capture
};

namespace {

bool capturing(cudaStream_t stream) { return stream != nullptr && stream->captured != nullptr; }

// For what may not be done to a stream that is captured: ends the capture's hopes.
cudaError_t invalidate(cudaStream_t stream, const char* what) {
  stream->invalidated = true;
  return refuse(cudaErrorStreamCaptureUnsupported, what, " while the stream is captured");
}

// Does the work of each node after that of all it waits for; of those that could be next it takes
// the first, the last, or any, as RAREFACE_EMULATOR_ORDER wants.
cudaError_t run_nodes(const std::deque<CUgraphNode_st>& nodes) try {
  const Order order = emulator::wanted_order();
  std::vector<std::vector<std::size_t>> next(nodes.size());
  std::vector<std::size_t> waits(nodes.size());
  std::set<std::size_t> ready;
  for (const CUgraphNode_st& node : nodes) {
    for (const std::size_t other : node.after) next[other].push_back(node.number);
    waits[node.number] = node.after.size();
    if (node.after.empty()) ready.insert(node.number);
  }
  std::minstd_rand random;
  while (!ready.empty()) {
    auto chosen = order == Order::reverse ? std::prev(ready.end()) : ready.begin();
    if (order == Order::shuffled)
      std::advance(chosen, static_cast<std::ptrdiff_t>(random() % ready.size()));
    const std::size_t number = *chosen;
    ready.erase(chosen);
    if (const cudaError_t error = nodes[number].work(); error != cudaSuccess) return error;
    for (const std::size_t other : next[number])
      if (--waits[other] == 0) ready.insert(other);
  }
  return cudaSuccess;
} catch (const emulator::Fault& fault) {
  return refuse(fault.error, fault.cause);
}

}  // namespace

cudaError_t emulator::enqueue(cudaStream_t stream, Work work) {
  if (!capturing(stream)) return work();
  if (stream->invalidated)
    return refuse(cudaErrorStreamCaptureInvalidated, "an earlier error has ended this capture");
  auto& awaited = stream->awaited;
  awaited = {stream->captured->add(std::move(work), awaited.data(), awaited.size())};
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
  stream->awaited.clear();
  stream->invalidated = false;
  return cudaSuccess;
}

cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream, cudaStreamCaptureStatus* status,
                                     unsigned long long*, cudaGraph_t* graph,
                                     const cudaGraphNode_t** awaited, const cudaGraphEdgeData**,
                                     std::size_t* count) {
  *status = !capturing(stream)    ? cudaStreamCaptureStatusNone
            : stream->invalidated ? cudaStreamCaptureStatusInvalidated
                                  : cudaStreamCaptureStatusActive;
  if (*status != cudaStreamCaptureStatusActive) return cudaSuccess;
  if (graph != nullptr) *graph = stream->captured.get();
  if (awaited != nullptr) *awaited = stream->awaited.data();
  if (count != nullptr) *count = stream->awaited.size();
  return cudaSuccess;
}

cudaError_t cudaStreamUpdateCaptureDependencies(cudaStream_t stream, cudaGraphNode_t* nodes,
                                                const cudaGraphEdgeData*, std::size_t count,
                                                unsigned flags) {
  if (!capturing(stream)) return refuse(cudaErrorIllegalState, "the stream is not captured");
  if (flags != cudaStreamSetCaptureDependencies)
    return refuse(cudaErrorInvalidValue, "only cudaStreamSetCaptureDependencies is emulated");
  const std::set<cudaGraphNode_t> once(nodes, nodes + count);
  if (once.size() < count) return refuse(cudaErrorInvalidValue, "a node is named twice");
  for (const cudaGraphNode_t node : once)
    if (!stream->captured->has(node))
      return refuse(cudaErrorInvalidValue, "a node is not of this graph");
  stream->awaited.assign(nodes, nodes + count);
  return cudaSuccess;
}

cudaError_t cudaGraphAddEmptyNode(cudaGraphNode_t* node, cudaGraph_t graph,
                                  const cudaGraphNode_t* after, std::size_t count) {
  *node = graph->add([] { return cudaSuccess; }, after, count);
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
  return run_nodes(exec->nodes);
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  const std::unique_ptr<CUgraphExec_st> destroyed(exec);
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  const std::unique_ptr<CUgraph_st> destroyed(graph);
  return cudaSuccess;
}
