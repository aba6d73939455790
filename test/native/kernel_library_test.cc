#include "runtime/kernel_library.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "runtime/cpu_host.h"

namespace rareface {
namespace {

namespace fs = std::filesystem;

// What an exception's text says, or "" when there was none.
template <class F>
std::string thrown_by(F&& action) {
  try {
    action();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("rareface-test-" + std::to_string(::getpid()))) {
    fs::create_directory(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

TEST(KernelLibrary, TakesTheBestThatIsThere) {
  KernelList list;
  const std::string isa = open_kernel_library(KERNEL_FOLDER, "", list);
  EXPECT_FALSE(list.entries().empty());
  const auto isas = supported_isas();
  EXPECT_NE(std::find(isas.begin(), isas.end(), isa), isas.end());
}

TEST(KernelLibrary, EveryVariantHasTheSameKernels) {
  std::vector<std::string> names;
  for (const auto& isa : supported_isas()) {
    if (!fs::exists(fs::path(KERNEL_FOLDER) / ("librareface-cpu-" + isa + ".so"))) continue;
    KernelList list;
    open_kernel_library(KERNEL_FOLDER, isa, list);
    std::vector<std::string> found;
    for (const auto& entry : list.entries()) found.push_back(entry.name);
    if (names.empty()) names = found;
    EXPECT_EQ(found, names) << isa;
  }
}

TEST(KernelLibrary, NamesEveryFileItTried) {
  KernelList list;
  const std::string text = thrown_by([&] { open_kernel_library("/nowhere", "", list); });
  EXPECT_NE(text.find("no kernel library could be opened"), std::string::npos);
  for (const auto& isa : supported_isas())
    EXPECT_NE(text.find("/nowhere/librareface-cpu-" + isa + ".so"), std::string::npos) << text;
}

TEST(KernelLibrary, RefusesAnInstructionSetOfAnotherProcessor) {
  KernelList list;
  const std::string text = thrown_by([&] { open_kernel_library(KERNEL_FOLDER, "sve2", list); });
  EXPECT_NE(text.find("cannot run the instruction set 'sve2'"), std::string::npos) << text;
  EXPECT_NE(text.find(supported_isas().front()), std::string::npos) << text;
}

TEST(KernelLibrary, RefusesAFileThatIsNoLibrary) {
  const Folder folder;
  std::ofstream(folder.path() / "librareface-cpu-portable.so") << "not a library";
  KernelList list;
  const std::string text =
      thrown_by([&] { open_kernel_library(folder.path().string(), "portable", list); });
  EXPECT_NE(text.find("librareface-cpu-portable.so"), std::string::npos) << text;
}

TEST(KernelLibrary, RefusesALibraryWithoutKernels) {
  const Folder folder;
  fs::copy_file(NOT_A_KERNEL_LIBRARY, folder.path() / "librareface-cpu-portable.so");
  KernelList list;
  const std::string text =
      thrown_by([&] { open_kernel_library(folder.path().string(), "portable", list); });
  EXPECT_NE(text.find("exports no rareface_register"), std::string::npos) << text;
}

TEST(KernelList, RefusesANameTwice) {
  KernelList list;
  const Kernel kernel = [](const Call&) {};
  list.add("Relu", kernel);
  EXPECT_EQ(thrown_by([&] { list.add("Relu", kernel); }), "kernel registered twice: Relu");
}

TEST(CpuHost, NamesTheKernelTheShapesAndTheCause) {
  CpuHost host(1);
  View views[2];
  views[0].rank = 2;
  views[0].dims[0] = 3;
  views[0].dims[1] = 4;
  views[1].dtype = DType::boolean;
  Call call;
  call.kernel = "Odd";
  call.bind(views, 1, 1);
  const std::string text = thrown_by([&] {
    host.run([](const Call& c) { require(c.attr_count == 1, "takes ", 1, " attribute"); }, call);
  });
  EXPECT_EQ(text, "Native kernel Odd(float32[3,4]) -> (bool[]) failed: takes 1 attribute");
}

TEST(CpuHost, RefusesAMissingAttribute) {
  CpuHost host(1);
  Call call;
  call.kernel = "Odd";
  const std::string text = thrown_by([&] { host.run([](const Call& c) { c.attr(2); }, call); });
  EXPECT_NE(text.find("attribute 2 is missing"), std::string::npos) << text;
}

TEST(CpuHost, RefusesAnAttributeThatIsNoInteger) {
  CpuHost host(1);
  for (const double value : {std::nan(""), HUGE_VAL, -1e17}) {
    Call call;
    call.kernel = "Odd";
    call.attrs = &value;
    call.attr_count = 1;
    const std::string text =
        thrown_by([&] { host.run([](const Call& c) { c.attr_int(0); }, call); });
    EXPECT_NE(text.find("attribute 0 is no integer"), std::string::npos) << text;
  }
}

TEST(CpuHost, RefusesNegativeSizes) {
  CpuHost host(1);
  View view;
  view.rank = 2;
  view.dims[0] = view.dims[1] = -2;
  Call call;
  call.kernel = "Odd";
  call.bind(&view, 0, 1);
  const std::string text = thrown_by([&] { host.run([](const Call&) {}, call); });
  EXPECT_NE(text.find("a size of float32[-2,-2] is negative"), std::string::npos) << text;
}

TEST(CpuHost, HandsScratchOutAnewInEachCall) {
  CpuHost host(2);
  static void* first[2];
  Call call;
  call.kernel = "Scratch";
  const Kernel kernel = [](const Call& c) {
    first[0] = c.host->scratch(1000);
    first[1] = c.host->scratch(5000);
    static_cast<char*>(first[0])[999] = 1;
    static_cast<char*>(first[1])[4999] = 1;
  };
  host.run(kernel, call);
  EXPECT_NE(first[0], first[1]);
  void* const before[2] = {first[0], first[1]};
  host.run(kernel, call);
  if (kExactBlocks) return;  // then every call has new blocks
  EXPECT_EQ(first[0], before[0]);
  EXPECT_EQ(first[1], before[1]);
}

}  // namespace
}  // namespace rareface
