// Work of a stream that is noted as a graph instead of being done.
#pragma once

#include <cuda_runtime.h>

#include <memory>
#include <type_traits>
#include <vector>

namespace rareface::cuda {

struct DestroyExec {
  void operator()(cudaGraphExec_t exec) const { cudaGraphExecDestroy(exec); }
};
using Exec = std::unique_ptr<std::remove_pointer_t<cudaGraphExec_t>, DestroyExec>;

// A graph in which each piece of work waits for those that it is told to: others may run at the
// same time. Everything throws std::runtime_error.
class Recording {
 public:
  using Nodes = std::vector<cudaGraphNode_t>;

  // Begins. All that is launched on the stream belongs to it until it is finished or destroyed.
  explicit Recording(cudaStream_t stream);
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  // What the first pieces of work wait for: nothing.
  const Nodes& start() const { return start_; }
  // The next piece of work waits for all of these, each later one for the one before it. A node may
  // be named more than once.
  void wait_for(Nodes nodes, const Nodes& more = {});
  // What the next piece of work would wait for.
  Nodes last() const;
  // Ends; the graph is ready to run.
  Exec finish();

 private:
  cudaStream_t stream_;
  Nodes start_;
  bool ended_ = false;
};

}  // namespace rareface::cuda
