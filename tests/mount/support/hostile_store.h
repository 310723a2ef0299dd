// Documents on a share that somebody hostile controls: each as it was stored at each of its
// commits, and what readers made of changed ones.
//
//   TEST_F(HostileStore, …) {
//     MakeDocuments();
//     Mutator mutator(forms_, Seed());
//     const Mutation mutation = mutator.Next(forms_[targets_[0]]);
//     Store("a", mutation.stored);
//     EXPECT_EQ(WhyWrong(LocalMount(share_, alice_).Read("a"), mutation.stored, forms_), "");
//   }
//
// RECRYPT_FULL=1 asks for the long runs, RECRYPT_SEED for the mutations of a run that failed.
#ifndef RECRYPT_TESTS_MOUNT_SUPPORT_HOSTILE_STORE_H_
#define RECRYPT_TESTS_MOUNT_SUPPORT_HOSTILE_STORE_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/jcd/geometry.h"
#include "tests/full_run.h"
#include "tests/mount/support/local_mount.h"
#include "tests/mount/support/mounted.h"
#include "tests/mount/support/mutations.h"

namespace recrypt {

inline uint64_t Seed() {
  const char* told = std::getenv("RECRYPT_SEED");
  uint64_t seed = 1;
  if (told != nullptr && *told != 0) {
    seed = std::strtoull(told, nullptr, 10);
  } else if (IsFullRun()) {
    seed = std::random_device()();
  }
  std::printf("seed: RECRYPT_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  return seed;
}

inline Bytes ReadStored(const std::string& path) { return ToBytes(AsBytes(ReadFile(path))); }

// Documents of one label, as they were stored at each of their commits.
class HostileStore : public testing::Test {
 protected:
  void SetUp() override {
    umask(0022);
    labels_.Add("A#example.com");
  }

  std::string Stored(const std::string& name) const { return share_ + "/" + name + ".jcd"; }
  void Store(const std::string& name, const Bytes& stored) const {
    WriteFile(Stored(name), AsText(stored));
  }
  const StoredForm& Form(const std::string& document, int state) const {
    return *std::find_if(forms_.begin(), forms_.end(), [&](const StoredForm& form) {
      return form.document == document && form.state == state;
    });
  }

  // A document and its history, each state as it is stored after an unmount.
  class History {
   public:
    History(HostileStore& test, std::string name) : test_(test), name_(std::move(name)) {}
    // Commits a change; the records stay behind the document until Settle.
    void Change(uint64_t at, size_t size) {
      if (mount_ == nullptr) {
        mount_ =
            std::make_unique<LocalMount>(test_.share_, test_.alice_, LocalMount::Kind::kWriter);
        const bool fresh = content_.empty() && state_ == 0;
        auto opened = mount_->Open(name_, fresh ? O_RDWR | O_CREAT : O_RDWR);
        ASSERT_TRUE(opened) << opened.error().message;
        file_ = std::move(*opened);
      }
      const Bytes data = ToBytes(AsBytes(RandomText(size, ++test_.texts_)));
      content_.resize(std::max<size_t>(content_.size(), at + size));
      std::copy(data.begin(), data.end(), content_.begin() + static_cast<ptrdiff_t>(at));
      ASSERT_EQ(file_->Write(at, data), 0);
      ASSERT_EQ(file_->Sync(), 0);
      Keep(ReadStored(test_.Stored(name_)));
      ++state_;
    }
    void Settle() {
      file_.reset();
      mount_.reset();
      --state_;
      Keep(ReadStored(test_.Stored(name_)));
      ++state_;
    }

   private:
    // What applying the records makes of a stored form is found out on a copy. Both are kept: under
    // load the mount itself applies between two commits.
    void Keep(const Bytes& stored) {
      Bytes settled = stored;
      if (!ContentSizeOf(stored.size())) {
        const std::string share = test_.dir_.Make("settling");
        WriteFile(share + "/x.jcd", AsText(stored));
        { LocalMount(share, test_.alice_, LocalMount::Kind::kWriter).Read("x"); }
        settled = ReadStored(share + "/x.jcd");
        ASSERT_EQ(settled.size(), StoredLengthFromSize(content_.size()));
      }
      for (const Bytes& bytes : {stored, settled}) {
        const bool known = std::any_of(test_.forms_.begin(), test_.forms_.end(),
                                       [&](const auto& form) { return form.stored == bytes; });
        if (!known) test_.forms_.push_back(MakeForm(name_, state_, bytes, settled, content_));
      }
    }

    HostileStore& test_;
    const std::string name_;
    int state_ = 0;
    Bytes content_;
    std::unique_ptr<LocalMount> mount_;
    std::unique_ptr<LocalMount::File> file_;
  };

  // Document `a` of three groups with a hole, whose last states are in records; `b` as large, `c`
  // a small one.
  void MakeDocuments() {
    History a(*this, "a");
    a.Change(0, 3 * kBlockSize);
    a.Change(200 * kBlockSize, 80 * kBlockSize + 100);
    a.Settle();
    a.Change(210 * kBlockSize + 17, 5000);
    a.Settle();
    a.Change(260 * kBlockSize, 30 * kBlockSize);
    a.Settle();
    a.Change(5000, 100);
    a.Change(220 * kBlockSize, 70 * kBlockSize + 999);
    do {  // a machine under load may have applied it before it is looked at
      a.Change(255 * kBlockSize + 4000, 200);
    } while (ContentSizeOf(ReadStored(Stored("a")).size()));
    last_ = forms_.back().state;
    a.Settle();
    History b(*this, "b");
    b.Change(0, 290 * kBlockSize + 999);
    b.Settle();
    b.Change(100 * kBlockSize, 10);
    b.Settle();
    History c(*this, "c");
    c.Change(0, 5000);
    c.Settle();
    c.Change(100, 100);
    for (size_t i = 0; i < forms_.size(); ++i) {
      if (forms_[i].document == "a" && forms_[i].state == last_) targets_.push_back(i);
    }
    ASSERT_EQ(targets_.size(), 2u);  // with records and without
    for (const char* name : {"a", "b", "c"}) Store(name, ReadStored(Stored(name)));
  }

  TempDir dir_;
  std::string share_ = dir_.Make("share");
  FakeLabels labels_;
  FakeAccess alice_{labels_, "alice@example.com"};
  uint64_t texts_ = 0;
  std::vector<StoredForm> forms_;
  std::vector<size_t> targets_;  // the newest state of `a`
  int last_ = 0;
};

// How often what came out, so that no kind of outcome is missing.
class Outcomes {
 public:
  void Count(const Reading& reading, const StoredForm& newest) {
    if (reading.open_errno != 0) {
      ++counts_["refused"];
    } else if (!reading.complete()) {
      ++counts_["partly"];
    } else if (reading.size == 0) {
      ++counts_["empty"];
    } else {
      ++counts_[IsOf(reading, newest) ? "newest" : "another"];
    }
  }
  int operator[](const std::string& kind) { return counts_[kind]; }
  void Print() const {
    for (const auto& [kind, count] : counts_) std::printf("%s %d, ", kind.c_str(), count);
    std::printf("\n");
  }

 private:
  std::map<std::string, int> counts_;
};

}  // namespace recrypt

#endif  // RECRYPT_TESTS_MOUNT_SUPPORT_HOSTILE_STORE_H_
