#include "tests/mount/support/exerciser.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <stdexcept>

#include "tests/mount/support/mounted.h"

namespace recrypt {
namespace {

constexpr size_t kNotesKept = 60;
constexpr size_t kBlock = 4096;
constexpr size_t kGroup = 128 * kBlock;

struct Disagreement : std::runtime_error {
  using runtime_error::runtime_error;
};

}  // namespace

Exerciser::Exerciser(ExerciserOptions options) : options_(std::move(options)) {
  random_.seed(options_.seed);
}

Exerciser::~Exerciser() { CloseAll(); }

const std::vector<Exerciser::Operation>& Exerciser::Operations() {
  static const std::vector<Operation> operations = {
      {20, &Exerciser::Write},        {6, &Exerciser::WriteVector},    {8, &Exerciser::Append},
      {6, &Exerciser::WriteDirect},   {18, &Exerciser::Read},          {4, &Exerciser::ReadVector},
      {6, &Exerciser::ReadDirect},    {8, &Exerciser::Truncate},       {8, &Exerciser::WriteMapped},
      {6, &Exerciser::ReadMapped},    {2, &Exerciser::WritePrivately}, {5, &Exerciser::Punch},
      {4, &Exerciser::ZeroRange},     {2, &Exerciser::Allocate},       {4, &Exerciser::CopyRange},
      {1, &Exerciser::CopyElsewhere}, {5, &Exerciser::SeekData},       {5, &Exerciser::SeekHole},
      {3, &Exerciser::Sync},          {3, &Exerciser::DropCaches},     {4, &Exerciser::Reopen},
      {1, &Exerciser::Save},          {1, &Exerciser::StartOver},      {6, &Exerciser::Switch},
      {2, &Exerciser::CompareAll},
  };
  return operations;
}

void Exerciser::Run(int steps) {
  int total = 0;
  for (const Operation& operation : Operations()) total += operation.weight;
  try {
    WriteFile(path(), "");
    for (step_ = 1; step_ <= steps; ++step_) {
      if (Below(1500) == 0) Remount();
      int at = static_cast<int>(Below(static_cast<size_t>(total)));
      const auto chosen =
          std::find_if(Operations().begin(), Operations().end(),
                       [&](const Operation& one) { return (at -= one.weight) < 0; });
      (this->*chosen->run)();
      CheckSize();
    }
    CompareAll();
    for (side_ = 0; side_ < options_.paths.size(); ++side_) {
      CloseAll();
      CompareAll();
    }
    side_ = 0;
    CloseAll();
  } catch (const std::exception& wrong) {
    std::string last;
    for (const std::string& note : notes_) last += "\n  " + note;
    const std::string kept = KeepFiles();
    ADD_FAILURE() << "seed " << options_.seed << ", step " << step_ << ": " << wrong.what()
                  << "\nthe last operations:" << last << "\n"
                  << kept;
    CloseAll();
  }
}

void Exerciser::Note(const std::string& what) {
  notes_.push_back(std::to_string(step_) + " " + std::string(1, static_cast<char>('A' + side_)) +
                   " " + what);
  if (notes_.size() > kNotesKept) notes_.pop_front();
}

void Exerciser::Expect(ssize_t result, ssize_t wanted, const char* what) {
  if (result == wanted) return;
  const std::string why = result < 0 ? std::string(": ") + std::strerror(errno) : "";
  Disagree(std::string(what) + " returned " + std::to_string(result) + " instead of " +
           std::to_string(wanted) + why);
}

void Exerciser::Disagree(const std::string& what) { throw Disagreement(what); }

// What the document holds, as read now, and what it should hold; where they are.
std::string Exerciser::KeepFiles() {
  const std::string base =
      "/tmp/recryptfs-fsx-" + std::to_string(getpid()) + "-seed-" + std::to_string(options_.seed);
  std::ofstream(base + ".model", std::ios::binary) << model_;
  try {
    std::ofstream(base + ".got", std::ios::binary) << ReadFile(path());
  } catch (const std::exception& failed) {
    std::ofstream(base + ".got") << failed.what();
  }
  return "kept: " + base + ".model and .got";
}

// Around edges of blocks and groups as often as anywhere.
size_t Exerciser::Offset() {
  switch (Below(4)) {
    case 0: {
      const size_t unit = Below(2) == 0 || options_.max_size < kGroup ? kBlock : kGroup;
      const size_t edge = unit * Below(options_.max_size / unit + 1);
      return std::min(options_.max_size - 1, edge + Below(3) - (edge == 0 ? 0 : 1));
    }
    case 1:  // in what is there
      return Below(model_.size() + 1);
    default:
      return Below(options_.max_size);
  }
}

size_t Exerciser::Length() {
  switch (Below(8)) {
    case 0:
      return 1 + Below(options_.max_length);
    case 1:
      return kBlock * (1 + Below(4));
    default:
      return 1 + Below(std::min<size_t>(9'000, options_.max_length));
  }
}

std::string Exerciser::Data(size_t size) {
  std::string data(size, '\0');
  for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
    const uint64_t bytes = random_() | 0x0101010101010101u;
    std::memcpy(&data[at], &bytes, std::min(sizeof bytes, size - at));
  }
  return data;
}

int Exerciser::fd() {
  if (!fd_) fd_ = OpenFd(path(), O_RDWR);
  return fd_.get();
}

int Exerciser::Other(int flags) {
  UniqueFd& other = flags == O_APPEND ? append_fd_ : direct_fd_;
  if (!other) other = OpenFd(path(), O_RDWR | flags);
  return other.get();
}

// Reaches behind the end, where nothing is touched. It is kept for a while: what is read and
// written otherwise has to agree with it.
char* Exerciser::Mapping(size_t) {
  if (mapping_ == nullptr) {
    void* memory = mmap(nullptr, options_.max_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd(), 0);
    if (memory == MAP_FAILED) Disagree(std::string("mmap: ") + std::strerror(errno));
    mapping_ = static_cast<char*>(memory);
  }
  return mapping_;
}

void Exerciser::CloseAll() {
  if (mapping_ != nullptr) munmap(mapping_, options_.max_size);
  mapping_ = nullptr;
  for (UniqueFd* one : {&fd_, &append_fd_, &direct_fd_}) {
    if (*one && close(one->Release()) != 0) {
      ADD_FAILURE() << "seed " << options_.seed << ", step " << step_
                    << ": close: " << std::strerror(errno);
    }
  }
}

void Exerciser::Put(size_t offset, const std::string& data) {
  if (model_.size() < offset + data.size()) model_.resize(offset + data.size(), '\0');
  model_.replace(offset, data.size(), data);
}

void Exerciser::Zeroes(size_t offset, size_t length) {
  if (offset >= model_.size()) return;
  length = std::min(length, model_.size() - offset);
  std::fill_n(model_.begin() + static_cast<ptrdiff_t>(offset), length, '\0');
}

void Exerciser::Compare(const std::string& got, size_t offset, size_t asked) {
  const std::string_view wanted =
      std::string_view(model_).substr(std::min(offset, model_.size()), asked);
  if (got == wanted) return;
  if (got.size() != wanted.size()) {
    Disagree("read " + std::to_string(got.size()) + " bytes instead of " +
             std::to_string(wanted.size()) + " at " + std::to_string(offset));
  }
  const auto [mine, theirs] = std::mismatch(got.begin(), got.end(), wanted.begin());
  size_t wrong = 0;
  for (size_t i = 0; i < got.size(); ++i) wrong += got[i] != wanted[i];
  Disagree("wrong byte at " + std::to_string(offset + static_cast<size_t>(mine - got.begin())) +
           " (" + std::to_string(wrong) + " of " + std::to_string(got.size()) + " from " +
           std::to_string(offset) + " on)");
}

void Exerciser::CheckSize() {
  struct stat st;
  Expect(fstat(fd(), &st), 0, "fstat");
  Expect(st.st_size, static_cast<ssize_t>(model_.size()), "the size");
}

}  // namespace recrypt
