// Replays files, or all files in folders, through a fuzz target: fuzz_<name> PATH...
// Stands in for libFuzzer, so that every run of the tests covers the corpora.
//
// With RECRYPT_FULL set, mutations of them follow for a minute (RECRYPT_FUZZ_SECONDS), which
// RECRYPT_SEED repeats; an input that ends the program is printed in hex.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

namespace fs = std::filesystem;
using Input = std::vector<uint8_t>;

// What the target is being given, for the handler of fatal signals.
const Input* current = nullptr;

void PrintCurrent(int number) {
  static constexpr char kDigits[] = "0123456789abcdef";
  static constexpr char kTitle[] = "\nthe input that ended it, in hex:\n";
  (void)!write(STDERR_FILENO, kTitle, sizeof kTitle - 1);
  for (size_t i = 0; current != nullptr && i < current->size(); ++i) {
    const char pair[2] = {kDigits[(*current)[i] >> 4], kDigits[(*current)[i] & 15]};
    (void)!write(STDERR_FILENO, pair, sizeof pair);
  }
  (void)!write(STDERR_FILENO, "\n", 1);
  std::signal(number, SIG_DFL);
  std::raise(number);
}

void RunOne(const Input& input) {
  current = &input;
  LLVMFuzzerTestOneInput(input.data(), input.size());
  current = nullptr;
}

// In an order that a seed can be told for.
std::vector<Input> ReadAll(int argc, char** argv) {
  std::vector<fs::path> paths;
  for (int i = 1; i < argc; ++i) {
    if (fs::is_regular_file(argv[i])) paths.emplace_back(argv[i]);
    if (!fs::is_directory(argv[i])) continue;
    for (const auto& entry : fs::recursive_directory_iterator(argv[i])) {
      if (entry.is_regular_file()) paths.push_back(entry.path());
    }
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Input> inputs;
  for (const fs::path& path : paths) {
    std::ifstream in(path, std::ios::binary);
    const std::vector<char> content(std::istreambuf_iterator<char>(in), {});
    inputs.emplace_back(content.begin(), content.end());
  }
  return inputs;
}

class Mutator {
 public:
  Mutator(const std::vector<Input>& corpus, uint64_t seed) : corpus_(corpus), random_(seed) {}

  Input Next() {
    Input input = corpus_[Below(corpus_.size())];
    for (size_t i = 1 + Below(8); i > 0; --i) Mutate(input);
    if (input.size() > kMaxSize) input.resize(kMaxSize);
    return input;
  }

 private:
  static constexpr size_t kMaxSize = size_t{1} << 17;

  size_t Below(size_t limit) { return limit == 0 ? 0 : random_() % limit; }
  auto At(const Input& input, size_t offset) {
    return input.begin() + static_cast<std::ptrdiff_t>(offset);
  }
  // Mostly short pieces.
  size_t Length(size_t room) {
    return std::min(room, 1 + Below(Below(4) == 0 ? size_t{4096} : size_t{8}));
  }

  void Mutate(Input& input) {
    const size_t at = Below(input.size() + 1);
    const size_t length = Length(input.size() - at);
    switch (Below(8)) {
      case 0:
        if (at < input.size()) input[at] ^= static_cast<uint8_t>(1u << Below(8));
        return;
      case 1:
        if (at < input.size()) input[at] = static_cast<uint8_t>(random_());
        return;
      case 2: {  // where lengths and counts may stand
        static constexpr uint8_t kEdges[] = {0x00, 0x01, 0x7F, 0x80, 0xFF};
        std::fill_n(input.begin() + static_cast<std::ptrdiff_t>(at),
                    std::min<size_t>(length, size_t{1} << Below(4)), kEdges[Below(5)]);
        return;
      }
      case 3:
        input.erase(At(input, at), At(input, at + length));
        return;
      case 4: {
        Input more(Length(64));
        for (uint8_t& byte : more) byte = static_cast<uint8_t>(random_());
        input.insert(At(input, at), more.begin(), more.end());
        return;
      }
      case 5: {  // once more in another place
        const Input piece(At(input, at), At(input, at + length));
        input.insert(At(input, Below(input.size() + 1)), piece.begin(), piece.end());
        return;
      }
      case 6: {  // the beginning of one, the end of another
        const Input& other = corpus_[Below(corpus_.size())];
        input.resize(at);
        input.insert(input.end(), At(other, Below(other.size() + 1)), other.end());
        return;
      }
      case 7:
        if (Below(8) == 0) input.resize(at);
        return;
    }
  }

  const std::vector<Input>& corpus_;
  std::mt19937_64 random_;
};

const char* Setting(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != 0 ? value : nullptr;
}

void RunMutations(const std::vector<Input>& corpus) {
  const char* told = Setting("RECRYPT_SEED");
  const uint64_t seed = told ? std::strtoull(told, nullptr, 10) : std::random_device()();
  const char* limit = Setting("RECRYPT_FUZZ_SECONDS");
  const std::chrono::seconds time(limit ? std::strtol(limit, nullptr, 10) : 60);
  std::printf("seed: RECRYPT_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  Mutator mutator(corpus, seed);
  const auto end = std::chrono::steady_clock::now() + time;
  size_t count = 0;
  for (; std::chrono::steady_clock::now() < end; ++count) RunOne(mutator.Next());
  std::printf("%zu mutations\n", count);
}

}  // namespace

int main(int argc, char** argv) try {
  std::signal(SIGABRT, PrintCurrent);
  std::signal(SIGSEGV, PrintCurrent);
  const std::vector<Input> corpus = ReadAll(argc, argv);
  for (const Input& input : corpus) RunOne(input);
  const bool full = Setting("RECRYPT_FULL") != nullptr && !corpus.empty();
  if (full) RunMutations(corpus);
  std::printf("%zu passed, 0 failed, 0 skipped\n", corpus.size() + (full ? 1 : 0));
  // An empty corpus is a mistake in a path, not a success.
  return corpus.empty() ? 1 : 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
