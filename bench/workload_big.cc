// Workloads on large files.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <map>

#include "bench/workload.h"

namespace bench {
namespace {

// `first`: the number of the file's first block, which says what it holds.
void WriteFile(const std::string& path, uint64_t size, uint64_t call, uint64_t first,
               Content& content) {
  File file(path, O_WRONLY | O_CREAT | O_TRUNC);
  for (uint64_t at = 0; at < size; at += call) {
    file.WriteAt(content.At(first + at / kBlock, call / kBlock, 0), call, at);
  }
  file.Sync();
}

void ReadFile(const std::string& path, uint64_t size) {
  File file(path, O_RDONLY);
  std::vector<char> buffer(kChunk);
  uint64_t bytes = 0;
  while (const uint64_t n = file.ReadNext(buffer.data(), buffer.size())) bytes += n;
  if (bytes != size) FailPlainly(path + ": wrong size");
}

// With versions for some of the blocks; all others are of version 0.
void VerifyFile(const std::string& path, uint64_t size, uint64_t first, Content& content,
                const std::map<uint64_t, uint64_t>& versions = {}) {
  File file(path, O_RDONLY);
  std::vector<char> buffer(kBlock);
  for (uint64_t block = 0; block < size / kBlock; ++block) {
    const auto found = versions.find(block);
    const void* expected =
        content.At(first + block, 1, found == versions.end() ? 0 : found->second);
    if (file.ReadAt(buffer.data(), kBlock, block * kBlock) != kBlock ||
        std::memcmp(buffer.data(), expected, kBlock) != 0) {
      FailPlainly(path + ": block " + std::to_string(block) + " holds other bytes");
    }
  }
  if (file.ReadAt(buffer.data(), 1, size) != 0) FailPlainly(path + ": longer than it was written");
}

uint64_t SizeOf(const Options& options) { return options.mebibytes * kChunk; }
uint64_t PartSize(const Options& options) { return SizeOf(options) / kParts; }
uint64_t FirstOfPart(uint64_t part) { return kFirstOfParts * (part + 1); }

Amount SequentialWrite(const Options& options, Content& content) {
  WriteFile(options.Big(), SizeOf(options), kChunk, 0, content);
  return {.bytes = SizeOf(options), .operations = SizeOf(options) / kChunk};
}

Amount SequentialRead(const Options& options, Content&) {
  ReadFile(options.Big(), SizeOf(options));
  return {.bytes = SizeOf(options), .operations = SizeOf(options) / kChunk};
}

Amount WriteInSmallCalls(const Options& options, Content& content) {
  WriteFile(options.Calls(), SizeOf(options), kBlock, kFirstOfCalls, content);
  return {.bytes = SizeOf(options), .operations = SizeOf(options) / kBlock};
}

// One process for each part, all at once.
template <typename Job>
void InParallel(const Job& job) {
  pid_t children[kParts];
  for (uint64_t part = 0; part < kParts; ++part) {
    children[part] = fork();
    if (children[part] < 0) Fail("fork");
    if (children[part] != 0) continue;
    job(part);
    _exit(0);
  }
  for (const pid_t child : children) {
    int status = 0;
    if (waitpid(child, &status, 0) != child || status != 0) FailPlainly("a process failed");
  }
}

Amount ParallelWrite(const Options& options, Content& content) {
  InParallel([&](uint64_t part) {
    WriteFile(options.Part(part), PartSize(options), kChunk, FirstOfPart(part), content);
  });
  return {.bytes = SizeOf(options), .operations = SizeOf(options) / kChunk};
}

Amount ParallelRead(const Options& options, Content&) {
  InParallel([&](uint64_t part) { ReadFile(options.Part(part), PartSize(options)); });
  return {.bytes = SizeOf(options), .operations = SizeOf(options) / kChunk};
}

uint64_t RandomBlock(const Options& options, uint64_t operation) {
  return Random(options.seed, operation) % options.BigBlocks();
}

Amount RandomRead(const Options& options, Content&) {
  File file(options.Big(), O_RDONLY);
  std::vector<char> buffer(kBlock);
  for (uint64_t i = 0; i < options.operations; ++i) {
    file.ReadAt(buffer.data(), kBlock, RandomBlock(options, i) * kBlock);
  }
  return {.bytes = options.operations * kBlock, .operations = options.operations};
}

// Block versions: seq-write makes version 0, random-write the version of its seed.
Amount RandomWrite(const Options& options, Content& content) {
  File file(options.Big(), O_RDWR);
  for (uint64_t i = 0; i < options.operations; ++i) {
    const uint64_t block = RandomBlock(options, i);
    file.WriteAt(content.At(block, 1, options.seed), kBlock, block * kBlock);
    if ((i + 1) % kOperationsForOneSync == 0) file.Sync();
  }
  file.Sync();
  return {.bytes = options.operations * kBlock, .operations = options.operations};
}

// With --operations 0 as seq-write left it, else as a random-write of that many did.
Amount VerifyBig(const Options& options, Content& content) {
  std::map<uint64_t, uint64_t> versions;
  for (uint64_t i = 0; i < options.operations; ++i) {
    versions[RandomBlock(options, i)] = options.seed;
  }
  VerifyFile(options.Big(), SizeOf(options), 0, content, versions);
  return {.bytes = SizeOf(options), .operations = 1};
}

Amount VerifyCalls(const Options& options, Content& content) {
  VerifyFile(options.Calls(), SizeOf(options), kFirstOfCalls, content);
  return {.bytes = SizeOf(options), .operations = 1};
}

Amount VerifyParts(const Options& options, Content& content) {
  for (uint64_t part = 0; part < kParts; ++part) {
    VerifyFile(options.Part(part), PartSize(options), FirstOfPart(part), content);
  }
  return {.bytes = SizeOf(options), .operations = kParts};
}

}  // namespace

const std::vector<Workload>& BigWorkloads() {
  static const std::vector<Workload> workloads = {
      {"seq-write", SequentialWrite, "writes big in calls of 1 MiB, then fsync"},
      {"seq-read", SequentialRead, "reads big in calls of 1 MiB"},
      {"call-write", WriteInSmallCalls, "writes calls in calls of 4 KiB, then fsync"},
      {"par-write", ParallelWrite, "four processes write a part each, then fsync"},
      {"par-read", ParallelRead, "four processes read a part each"},
      {"random-read", RandomRead, "reads 4 KiB blocks of big at random"},
      {"random-write", RandomWrite, "overwrites 4 KiB blocks of big, fsync every 32"},
      {"verify-big", VerifyBig, "compares big with what was written"},
      {"verify-calls", VerifyCalls, "compares calls with what was written"},
      {"verify-parts", VerifyParts, "compares the parts with what was written"},
  };
  return workloads;
}

}  // namespace bench
