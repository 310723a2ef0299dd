// workload: performs one workload in a directory and prints how long it took, as JSON.
//
//   workload seq-write DIR --size 256
//   {"workload":"seq-write","seconds":0.412345,"bytes":268435456,"operations":256}
//
// Works on files in DIR: big, part0 to part3, calls, base.sqlite and the tree small. Content is
// pseudo-random, the same in every run, and checked by the verify workloads alone: nothing is
// verified while the clock runs. Dropping caches is the caller's part.
#include "bench/workload.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

namespace bench {

void Fail(const std::string& what) {
  std::fprintf(stderr, "workload: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

void FailPlainly(const std::string& what) {
  std::fprintf(stderr, "workload: %s\n", what.c_str());
  std::exit(1);
}

uint64_t Random(uint64_t seed, uint64_t n) {
  uint64_t x = seed + (n + 1) * 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

double Seconds() {
  const std::chrono::duration<double> now = std::chrono::steady_clock::now().time_since_epoch();
  return now.count();
}

Content::Content() : pattern_(kBlocksInPattern * kBlock / sizeof(uint64_t)) {
  for (size_t i = 0; i < pattern_.size(); ++i) pattern_[i] = Random(0, i);
}

const void* Content::At(uint64_t block, uint64_t blocks, uint64_t version) {
  uint64_t* first = Start(block);
  for (uint64_t i = 0; i < blocks; ++i) {
    uint64_t* stamp = first + i * kBlock / sizeof(uint64_t);
    stamp[0] = Random(version, block + i);
    stamp[1] = Random(~version, block + i);
  }
  return first;
}

File::File(const std::string& path, int flags) : path_(path), fd_(open(path.c_str(), flags, 0644)) {
  if (fd_ < 0) Fail(path);
}

File::~File() {
  if (fd_ >= 0 && close(fd_) != 0) Fail(path_);
}

void File::WriteAt(const void* data, uint64_t size, uint64_t offset) {
  const ssize_t n = pwrite(fd_, data, size, static_cast<off_t>(offset));
  if (n != static_cast<ssize_t>(size)) Fail("write " + path_);
}

uint64_t File::ReadAt(void* data, uint64_t size, uint64_t offset) {
  const ssize_t n = pread(fd_, data, size, static_cast<off_t>(offset));
  if (n < 0) Fail("read " + path_);
  return static_cast<uint64_t>(n);
}

uint64_t File::ReadNext(void* data, uint64_t size) {
  const ssize_t n = read(fd_, data, size);
  if (n < 0) Fail("read " + path_);
  return static_cast<uint64_t>(n);
}

void File::Sync() {
  if (fsync(fd_) != 0) Fail("fsync " + path_);
}

void File::DropPages() { (void)posix_fadvise(fd_, 0, 0, POSIX_FADV_DONTNEED); }

namespace {

std::vector<Workload> AllWorkloads() {
  std::vector<Workload> all;
  for (const auto* some : {&BigWorkloads(), &SmallWorkloads(), &DatabaseWorkloads()}) {
    all.insert(all.end(), some->begin(), some->end());
  }
  return all;
}

[[noreturn]] void Usage() {
  std::fprintf(stderr,
               "usage: workload NAME DIR [--size MIB] [--files N] [--in-directory N]\n"
               "                         [--operations N] [--seed N] [--lock MOUNT]\n");
  for (const Workload& workload : AllWorkloads()) {
    std::fprintf(stderr, "  %-15s %s\n", workload.name, workload.description);
  }
  std::exit(2);
}

uint64_t ParseNumber(const char* text) {
  char* end = nullptr;
  const uint64_t number = std::strtoull(text, &end, 10);
  if (*end != '\0' || end == text) Usage();
  return number;
}

Options ParseOptions(int argc, char** argv) {
  Options options;
  const std::map<std::string, uint64_t*> numbers = {{"--size", &options.mebibytes},
                                                    {"--files", &options.files},
                                                    {"--in-directory", &options.in_directory},
                                                    {"--operations", &options.operations},
                                                    {"--seed", &options.seed}};
  options.directory = argv[2];
  for (int i = 3; i + 1 < argc; i += 2) {
    const auto found = numbers.find(argv[i]);
    if (found != numbers.end()) {
      *found->second = ParseNumber(argv[i + 1]);
    } else if (std::strcmp(argv[i], "--lock") == 0) {
      options.lock = argv[i + 1];
    } else {
      Usage();
    }
  }
  if (argc % 2 == 0 || options.mebibytes == 0 || options.files == 0 || options.in_directory == 0)
    Usage();
  return options;
}

double Quantile(std::vector<double> values, double at) {
  const auto index = static_cast<size_t>(at * static_cast<double>(values.size() - 1) + 0.5);
  std::nth_element(values.begin(), values.begin() + static_cast<ptrdiff_t>(index), values.end());
  return values[index];
}

void Print(const Workload& workload, const Amount& amount) {
  std::printf("{\"workload\":\"%s\",\"seconds\":%.6f,\"bytes\":%llu,\"operations\":%llu",
              workload.name, amount.seconds, static_cast<unsigned long long>(amount.bytes),
              static_cast<unsigned long long>(amount.operations));
  if (!amount.latencies.empty()) {
    std::printf(",\"p50_us\":%.2f,\"p99_us\":%.2f", Quantile(amount.latencies, 0.5) * 1e6,
                Quantile(amount.latencies, 0.99) * 1e6);
  }
  std::printf("}\n");
}

int Main(int argc, char** argv) {
  if (argc < 3) Usage();
  const Options options = ParseOptions(argc, argv);
  for (const Workload& workload : AllWorkloads()) {
    if (std::strcmp(workload.name, argv[1]) != 0) continue;
    Content content;
    const double begun = Seconds();
    Amount amount = workload.run(options, content);
    if (amount.seconds == 0) amount.seconds = Seconds() - begun;
    Print(workload, amount);
    return 0;
  }
  Usage();
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::Main(argc, argv); }
