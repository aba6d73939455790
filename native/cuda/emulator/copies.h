// The copies of cp.async that a thread has asked for and not waited for.
#pragma once

#include <cstddef>
#include <vector>

namespace emulator {

class Copies {
 public:
  void add(void* to, const void* from, int size, int bytes);  // throws a Fault
  void commit() { groups_.push_back(copies_.size()); }
  void wait(int pending);
  void clear() {
    copies_.clear();
    groups_.clear();
  }

 private:
  struct Copy {
    void* to;
    const void* from;
    int size, bytes;
  };
  std::vector<Copy> copies_;         // oldest first
  std::vector<std::size_t> groups_;  // where each ends
};

Copies& copies();  // of the thread that is running

}  // namespace emulator
