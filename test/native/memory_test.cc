#include "runtime/memory.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "runtime/cpu_host.h"

namespace rareface {
namespace {

TEST(Memory, CountsWhatWasAskedFor) {
  CpuHost device{1};
  Memory memory(device);
  const int a = memory.allocate(100);
  const int b = memory.allocate(28);
  EXPECT_EQ(memory.use().bytes, 128u);
  EXPECT_EQ(memory.use().buffers, 2u);
  memory.release(a);
  EXPECT_EQ(memory.use().bytes, 28u);
  memory.release(b);
  EXPECT_EQ(memory.use().bytes, 0u);
  EXPECT_EQ(memory.use().buffers, 0u);
  EXPECT_EQ(memory.use().peak_bytes, 128u);
}

TEST(Memory, BuffersAreAlignedWritableAndApart) {
  CpuHost device{1};
  Memory memory(device);
  std::vector<int> ids;
  for (std::size_t bytes : {1, 4, 63, 64, 65, 1000, 4096, 5000, 100000}) {
    ids.push_back(memory.allocate(bytes));
    const auto buffer = memory.at(ids.back());
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data) % 64, 0u) << bytes;
    EXPECT_EQ(buffer.bytes, bytes);
    std::memset(buffer.data, static_cast<int>(ids.size()), bytes);
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto buffer = memory.at(ids[i]);
    const auto* bytes = static_cast<const unsigned char*>(buffer.data);
    for (std::size_t j = 0; j < buffer.bytes; ++j) ASSERT_EQ(bytes[j], i + 1);
  }
}

TEST(Memory, TakesABufferOfNoBytes) {
  CpuHost device{1};
  Memory memory(device);
  const int id = memory.allocate(0);
  EXPECT_EQ(memory.at(id).bytes, 0u);
  memory.release(id);
  EXPECT_EQ(memory.use().buffers, 0u);
}

TEST(Memory, ReusesReleasedBlocksOfTheSameClass) {
  if (kExactBlocks) GTEST_SKIP() << "blocks are not reused under AddressSanitizer";
  CpuHost device{1};
  Memory memory(device);
  const int a = memory.allocate(4096);
  void* block = memory.at(a).data;
  memory.release(a);
  EXPECT_GE(memory.use().pooled_bytes, 4096u);
  const int b = memory.allocate(4000);
  EXPECT_EQ(memory.at(b).data, block);
  EXPECT_EQ(memory.use().pooled_bytes, 0u);
  memory.release(b);
  memory.trim();
  EXPECT_EQ(memory.use().pooled_bytes, 0u);
}

TEST(Memory, KeepsAtMostAQuarterOfABlockUnused) {
  if (kExactBlocks) GTEST_SKIP() << "blocks are exact under AddressSanitizer";
  for (std::size_t bytes = 257; bytes < (1u << 20); bytes = bytes * 5 / 4 + 3) {
    CpuHost device{1};
    Memory memory(device);
    memory.release(memory.allocate(bytes));
    EXPECT_GE(memory.use().pooled_bytes, bytes);
    EXPECT_LE(memory.use().pooled_bytes, bytes + bytes / 4 + 64) << bytes;
  }
}

TEST(Memory, IdsStartAtOneAndAreReused) {
  CpuHost device{1};
  Memory memory(device);
  EXPECT_EQ(memory.allocate(4), 1);
  EXPECT_EQ(memory.allocate(4), 2);
  memory.release(1);
  EXPECT_EQ(memory.allocate(4), 1);
}

TEST(Memory, RefusesIdsThatAreNotLive) {
  CpuHost device{1};
  Memory memory(device);
  const int id = memory.allocate(4);
  memory.release(id);
  for (int bad : {id, 0, -1, 99}) {
    EXPECT_THROW(memory.at(bad), std::runtime_error) << bad;
    EXPECT_THROW(memory.release(bad), std::runtime_error) << bad;
  }
}

TEST(Memory, SaysHowMuchItCouldNotGet) {
  CpuHost device{1};
  Memory memory(device);
  constexpr std::size_t kTooMuch = std::numeric_limits<std::size_t>::max() / 4;
  try {
    memory.allocate(kTooMuch);
    FAIL() << "no exception";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("out of memory"), std::string::npos);
  }
  EXPECT_EQ(memory.use().bytes, 0u);
  EXPECT_EQ(memory.use().buffers, 0u);
}

TEST(Memory, HeldBlocksOutliveTheirRelease) {
  CpuHost device{1};
  Memory memory(device);
  const int a = memory.allocate(4096);
  void* block = memory.hold(a).data;
  memory.hold(a);
  EXPECT_TRUE(memory.held(a));
  memory.release(a);
  EXPECT_THROW(memory.at(a), std::runtime_error);
  EXPECT_THROW(memory.release(a), std::runtime_error);
  EXPECT_EQ(memory.use().bytes, 4096u);
  const int b = memory.allocate(4096);
  EXPECT_NE(b, a);
  EXPECT_NE(memory.at(b).data, block);
  memory.let_go(a);
  EXPECT_EQ(memory.use().buffers, 2u);
  memory.let_go(a);
  EXPECT_FALSE(memory.held(a));
  EXPECT_EQ(memory.use().bytes, 4096u);
  memory.release(b);
  EXPECT_EQ(memory.use().buffers, 0u);
}

TEST(Memory, LettingGoOfALiveBufferKeepsIt) {
  CpuHost device{1};
  Memory memory(device);
  const int a = memory.allocate(64);
  memory.hold(a);
  memory.let_go(a);
  EXPECT_EQ(memory.at(a).bytes, 64u);
  memory.release(a);
  EXPECT_THROW(memory.hold(a), std::runtime_error);
}

}  // namespace
}  // namespace rareface
