// Replays files, or all files in folders, through a fuzz target: fuzz_<name> PATH...
// Stands in for libFuzzer, so that every run of the tests covers the corpora.
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

namespace fs = std::filesystem;

void ReplayFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::vector<char> content(std::istreambuf_iterator<char>(in), {});
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(content.data()), content.size());
}

int Replay(const fs::path& path) {
  if (fs::is_regular_file(path)) {
    ReplayFile(path);
    return 1;
  }
  int count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(path)) {
    if (!entry.is_regular_file()) continue;
    ReplayFile(entry.path());
    ++count;
  }
  return count;
}

}  // namespace

int main(int argc, char** argv) try {
  int count = 0;
  for (int i = 1; i < argc; ++i) count += Replay(argv[i]);
  std::printf("%d passed, 0 failed, 0 skipped\n", count);
  // An empty corpus is a mistake in a path, not a success.
  return count > 0 ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
