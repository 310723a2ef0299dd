// Checking and repairing stored documents beside mounts that work with them.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <fstream>
#include <map>
#include <random>
#include <thread>

#include "client/document_repair.h"
#include "client/stored_file_fd.h"
#include "core/jcd/geometry.h"
#include "tests/full_run.h"
#include "tests/mount/support/mounted.h"
#include "tests/unit/seeds.h"

namespace recrypt {
namespace {

class Fsck : public MountTest {
 protected:
  void SetUp() override {
    MountTest::SetUp();
    expression_ = *LabelExpression::Parse("A#example.com");
  }

  std::shared_ptr<FdStoredFile> FileOf(const std::string& path, int flags) {
    return std::make_shared<FdStoredFile>(OpenFd(path, flags));
  }

  // A stored document, made without a mount.
  std::string Make(const std::string& name, size_t size) {
    const std::string path = share_ + "/" + name + ".jcd";
    NewDocument made = *alice_->Create(*expression_, name);
    auto document = Document::Create(FileOf(path, O_RDWR | O_CREAT | O_TRUNC),
                                     std::move(made.header.region), std::move(made.keys));
    content_[path] = RandomText(size, size);
    EXPECT_TRUE(document->Write(0, AsBytes(content_[path])));
    Commit(*document);
    return path;
  }
  void Commit(Document& document) {
    const auto author = *alice_->AuthorFor(*expression_);
    EXPECT_TRUE(document.Commit(author.get(), Durability::kSynced));
  }
  std::unique_ptr<Document> Open(const std::string& path, int flags = O_RDWR) {
    const auto file = FileOf(path, flags);
    const std::vector<Bytes> regions = *ReadHeaderRegions(*file);
    for (const Bytes& region : regions) {
      const auto header = ParseHeader(region);
      if (!header) continue;
      OpenedKeys keys = *alice_->Open(*header, GrantUse::kOpen);
      auto document =
          Document::Open(file, std::move(keys.keys), keys.trust, SystemClock().NowSeconds());
      if (document) return std::move(*document);
    }
    return nullptr;
  }
  // Commits that stay in records behind the document.
  void Overwrite(const std::string& path, uint64_t at, size_t size) {
    auto document = Open(path);
    const std::string text = RandomText(size, at);
    content_[path].replace(at, size, text);
    ASSERT_TRUE(document->Write(at, AsBytes(text)));
    Commit(*document);
  }
  // What is read, with '?' for blocks that are not.
  std::string Readable(const std::string& path) {
    const auto document = Open(path, O_RDONLY);
    if (document == nullptr) return "";
    std::string content(document->Size(), '?');
    for (uint64_t at = 0; at < content.size(); at += kBlockSize) {
      Bytes block(std::min<uint64_t>(kBlockSize, content.size() - at));
      if (document->Read(at, block)) std::memcpy(&content[at], block.data(), block.size());
    }
    return content;
  }
  void Flip(const std::string& path, uint64_t at) {
    const auto file = FileOf(path, O_RDWR);
    uint8_t byte = 0;
    ASSERT_EQ(*file->ReadAt(at, {&byte, 1}), 1u);
    byte ^= 0x20;
    ASSERT_TRUE(file->WriteAt(at, {&byte, 1}));
  }

  CheckSpec Spec() {
    CheckSpec spec;
    spec.access = alice_.get();
    spec.clock = &clock_;
    return spec;
  }
  CheckedDocument Check(const std::string& path) {
    return DocumentChecker(Spec()).Check({&path, 1}).front();
  }
  CheckedDocument CheckWithoutGrant(const std::string& path) {
    alice_->deny = true;
    CheckedDocument checked = Check(path);
    alice_->deny = false;
    // Nobody is asked where the header cannot be read.
    EXPECT_TRUE(checked.refused || checked.label.empty());
    EXPECT_FALSE(checked.report.authenticated);
    return checked;
  }
  std::string CopyOf(const std::string& path) {
    return dir_.path().string() + "/copies/" + stdfs::path(path).filename().string();
  }

  // The repair makes it clean, leaves a copy, and takes no readable byte away.
  void ExpectRepaired(const std::string& path) {
    const std::string stored = ReadFile(path);
    const std::string readable = Readable(path);
    const auto repair = RepairDocument(Spec(), Check(path), CopyOf(path));
    ASSERT_TRUE(repair) << repair.error().message;
    EXPECT_FALSE(repair->done.empty()) << repair->why_not;
    EXPECT_TRUE(ReadFile(repair->copy) == stored);
    const CheckedDocument after = Check(path);
    EXPECT_EQ(after.report.condition, Condition::kGood);
    EXPECT_TRUE(after.report.findings.empty());
    EXPECT_TRUE(Readable(path) == content_[path]);
    for (size_t i = 0; i < readable.size(); ++i) {
      ASSERT_TRUE(readable[i] == content_[path][i] || readable[i] == '?') << i;
    }
    EXPECT_TRUE(RepairDocument(Spec(), after, CopyOf(path))->done.empty());
  }
  void ExpectNotRepaired(const std::string& path) {
    const std::string stored = ReadFile(path);
    const auto repair = RepairDocument(Spec(), Check(path), CopyOf(path));
    ASSERT_TRUE(repair) << repair.error().message;
    EXPECT_TRUE(repair->done.empty());
    EXPECT_NE(repair->why_not, "");
    EXPECT_TRUE(ReadFile(path) == stored);
    EXPECT_FALSE(stdfs::exists(CopyOf(path) + ".1"));
  }

  const SystemClock clock_;
  std::optional<LabelExpression> expression_;
  std::map<std::string, std::string> content_;
};

TEST_F(Fsck, RecordsAreBroughtIntoPlace) {
  const std::string path = Make("a", 700'000);
  Overwrite(path, 100'000, 50'000);
  Overwrite(path, 0, 10);
  EXPECT_FALSE(Check(path).report.damaged());
  EXPECT_TRUE(Check(path).report.authenticated);
  EXPECT_FALSE(CheckWithoutGrant(path).report.damaged());
  ExpectRepaired(path);
}

TEST_F(Fsck, WhatAnUnfinishedCommitLeftIsCutOff) {
  const std::string path = Make("a", 100'000);
  const uint64_t length = stdfs::file_size(path);
  Overwrite(path, 0, 60'000);
  stdfs::resize_file(path, length + 30'000);
  content_[path] = RandomText(100'000, 100'000);
  ExpectRepaired(path);
  EXPECT_EQ(stdfs::file_size(path), length);
}

TEST_F(Fsck, FramingAndIndexBlocksAreWrittenAgain) {
  const std::string path = Make("a", 2'000'000);
  for (const uint64_t at :
       {uint64_t{0}, kSlot0 - 2, kSlot0 + 7, Layout(2'000'000).NodeOffset(1, 0)}) {
    SCOPED_TRACE(at);
    Flip(path, at);
    EXPECT_TRUE(Check(path).report.damaged());
    EXPECT_TRUE(CheckWithoutGrant(path).report.damaged());
    ExpectRepaired(path);
  }
}

TEST_F(Fsck, BothAreMendedWhenRecordsWaitToo) {
  const std::string path = Make("a", 2'000'000);
  Overwrite(path, 600'000, 5000);
  Flip(path, kSlot0 + 7);
  Flip(path, 0);
  ExpectRepaired(path);
}

TEST_F(Fsck, WhatCannotBeVerifiedIsNeverChanged) {
  const Layout layout(2'000'000);
  const std::map<std::string, uint64_t> places = {{"header", 100},
                                                  {"block", BlockOffset(300)},
                                                  {"table", layout.NodeOffset(0, 2) + 9},
                                                  {"trailer", layout.StoredLength() - 200}};
  for (const auto& [name, at] : places) {
    SCOPED_TRACE(name);
    const std::string path = Make(name, 2'000'000);
    Flip(path, at);
    const CheckedDocument checked = Check(path);
    ASSERT_TRUE(checked.report.damaged());
    EXPECT_EQ(PartName(checked.report.findings[0].part), name);
    // What the trailer seals, only its key can tell.
    EXPECT_EQ(CheckWithoutGrant(path).report.damaged(), name != "trailer");
    ExpectNotRepaired(path);
  }
}

TEST_F(Fsck, ARecordThatDoesNotVerifyIsLeftWhereItIs) {
  const std::string path = Make("a", 100'000);
  const uint64_t length = stdfs::file_size(path);
  Overwrite(path, 0, 60'000);
  Flip(path, length + 5'000);
  EXPECT_TRUE(Check(path).report.damaged());
  ExpectNotRepaired(path);
}

TEST_F(Fsck, AttributesThatTheTrailerDoesNotNameAreTold) {
  Mount();
  WriteFile(*this / "a", "text");
  if (setxattr((*this / "a").c_str(), "user.comment", "good", 4, 0) != 0) {
    GTEST_SKIP() << "the file system keeps no extended attributes";
  }
  mount_.reset();
  const std::string path = Stored("a.jcd");
  content_[path] = "text";
  EXPECT_TRUE(Check(path).report.findings.empty());
  ASSERT_EQ(setxattr(path.c_str(), "user.jcd.sealed.00", "old", 3, 0), 0);
  EXPECT_EQ(Check(path).report.condition, Condition::kGood);
  EXPECT_EQ(PartName(Check(path).report.findings.at(0).part), "attributes");
  ExpectRepaired(path);
  EXPECT_EQ(Xattr(CopyOf(path), "user.jcd.sealed.00"), "old");
  Mount();
  EXPECT_EQ(Xattr(*this / "a", "user.comment"), "good");
  mount_.reset();
  const std::string name = [&] {
    std::string list(1000, '\0');
    list.resize(static_cast<size_t>(listxattr(path.c_str(), list.data(), list.size())));
    return std::string(&list[list.find("user.jcd.sealed.")]);
  }();
  ASSERT_EQ(setxattr(path.c_str(), name.c_str(), "other", 5, 0), 0);
  EXPECT_TRUE(Check(path).report.damaged());
  EXPECT_TRUE(CheckWithoutGrant(path).report.damaged());
  ExpectNotRepaired(path);
  ASSERT_EQ(removexattr(path.c_str(), name.c_str()), 0);
  EXPECT_TRUE(Check(path).report.damaged());
  EXPECT_EQ(Check(path).report.unreadable, 0u);
}

TEST_F(Fsck, WithoutAGrantNothingIsChanged) {
  const std::string path = Make("a", 100'000);
  Overwrite(path, 0, 60'000);
  alice_->deny = true;
  ExpectNotRepaired(path);
}

TEST_F(Fsck, AFileThatWasNeverCommittedBecomesEmpty) {
  const std::string path = share_ + "/a.jcd";
  WriteFile(path, std::string(50'000, '\0'));
  EXPECT_EQ(Check(path).report.condition, Condition::kUnfinished);
  alice_->deny = true;
  ASSERT_FALSE(RepairDocument(Spec(), Check(path), CopyOf(path))->done.empty());
  EXPECT_EQ(stdfs::file_size(path), 0u);
  EXPECT_EQ(stdfs::file_size(CopyOf(path)), 50'000u);
}

TEST_F(Fsck, NothingIsChangedWhenNoCopyCanBeMade) {
  const std::string path = Make("a", 100'000);
  Overwrite(path, 0, 60'000);
  const std::string stored = ReadFile(path);
  WriteFile(dir_.path().string() + "/copies", "in the way");
  EXPECT_FALSE(RepairDocument(Spec(), Check(path), CopyOf(path)));
  EXPECT_TRUE(ReadFile(path) == stored);
}

TEST_F(Fsck, ACopyIsSparseAsWhatItIsOf) {
  const std::string path = Make("a", 5'000);
  {
    auto document = Open(path);
    ASSERT_TRUE(document->Truncate(uint64_t{1} << 38));
    Commit(*document);
  }
  const auto repair = RepairDocument(Spec(), Check(path), CopyOf(path));
  ASSERT_TRUE(repair) << repair.error().message;
  EXPECT_FALSE(repair->done.empty());
  struct stat st;
  ASSERT_EQ(stat(repair->copy.c_str(), &st), 0);
  EXPECT_LT(st.st_blocks * 512, 1 << 20);
}

TEST_F(Fsck, ADocumentThatSomebodyHasLockedIsBusyNotDamaged) {
  const std::string path = Make("a", 100'000);
  Flip(path, BlockOffset(3));
  const UniqueFd writer = OpenFd(path, O_RDWR);
  ASSERT_TRUE(TryLockDocument(writer.get(), LockKind::kExclusive));
  CheckSpec spec = Spec();
  spec.lock_wait_ms = 50;
  const auto checked = DocumentChecker(spec).Check({&path, 1});
  ASSERT_TRUE(checked[0].failure);
  EXPECT_EQ(checked[0].failure->code, ErrorCode::kBusy);
  const auto repair = RepairDocument(spec, Check(path), CopyOf(path));
  ASSERT_FALSE(repair);
  EXPECT_EQ(repair.error().code, ErrorCode::kBusy);
}

TEST_F(Fsck, ALeaseThatEndsIsAskedForAgain) {
  const std::string path = Make("a", 3'000'000);
  alice_->lease_ms = 0;
  const CheckedDocument checked = Check(path);
  EXPECT_TRUE(checked.report.authenticated);
  EXPECT_TRUE(checked.report.content_checked);
  EXPECT_GT(alice_->opens, 3);
}

TEST_F(Fsck, GrantsOfABatchAreAskedForTogetherAndResultsKeepTheirOrder) {
  std::vector<std::string> paths;
  for (int i = 0; i < 20; ++i)
    paths.push_back(Make("f" + std::to_string(i), 1000 * static_cast<size_t>(i) + 1));
  Flip(paths[7], BlockOffset(1));
  paths.push_back(share_ + "/missing.jcd");
  const auto checked = DocumentChecker(Spec()).Check(paths);
  ASSERT_EQ(checked.size(), 21u);
  for (size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(checked[i].path, paths[i]);
    EXPECT_EQ(checked[i].report.size, 1000 * i + 1);
    EXPECT_EQ(checked[i].report.damaged(), i == 7);
  }
  EXPECT_EQ(checked[20].failure->code, ErrorCode::kNotFound);
}

// Writers of a mount never look like damage, and are not kept waiting.
TEST_F(Fsck, BesideAMountThatWritesNothingIsDamaged) {
  Mount();
  std::vector<std::string> paths;
  for (int i = 0; i < 4; ++i) {
    WriteFile(*this / ("f" + std::to_string(i)), std::string(400'000, 'x'));
    paths.push_back(Stored("f" + std::to_string(i) + ".jcd"));
  }
  std::atomic<bool> stop{false};
  std::atomic<int> writes{0};
  std::thread writer([&] {
    std::mt19937 random(1);
    while (!stop) {
      const std::string path = *this / ("f" + std::to_string(random() % 4));
      const UniqueFd fd = OpenFd(path, O_RDWR);
      const std::string text(1 + random() % 20'000, 'y');
      const auto at = static_cast<off_t>(random() % 600'000);
      const bool cut = random() % 10 == 0;
      EXPECT_TRUE(!cut || ftruncate(fd.get(), at) == 0);
      EXPECT_EQ(pwrite(fd.get(), text.data(), text.size(), at), static_cast<ssize_t>(text.size()));
      const bool sync = random() % 2 == 0;
      EXPECT_TRUE(!sync || fsync(fd.get()) == 0);
      ++writes;
    }
  });
  int settled = 0;
  const int rounds = IsFullRun() ? 300 : 30;
  for (int round = 0; round < rounds || writes < 50; ++round) {
    for (const CheckedDocument& checked : DocumentChecker(Spec()).Check(paths)) {
      if (checked.failure) {
        EXPECT_EQ(checked.failure->code, ErrorCode::kBusy) << checked.failure->message;
        continue;
      }
      ++settled;
      EXPECT_FALSE(checked.report.damaged()) << checked.report.findings[0].what;
    }
  }
  stop = true;
  writer.join();
  EXPECT_GT(settled, 0);
}

// What a mount has read before, it reads after somebody else's repair.
TEST_F(Fsck, AMountReadsOnBesideARepair) {
  const std::string path = Make("a", 300'000);
  Overwrite(path, 100'000, 50'000);
  Mount();
  const UniqueFd fd = OpenFd(*this / "a", O_RDONLY | O_DIRECT);
  alignas(4096) char block[4096];
  ASSERT_EQ(pread(fd.get(), block, sizeof block, 0), 4096);
  ASSERT_FALSE(RepairDocument(Spec(), Check(path), CopyOf(path))->done.empty());
  for (off_t at = 0; at < 290'000; at += 4096) {
    ASSERT_EQ(pread(fd.get(), block, sizeof block, at), 4096) << at;
    EXPECT_EQ(std::memcmp(block, &content_[path][static_cast<size_t>(at)], 4096), 0);
  }
  AppendFile(*this / "a", "more");
  EXPECT_TRUE(ReadFile(*this / "a") == content_[path] + "more");
}

// Killed at any moment, a repair leaves the document as it was or as it will be.
TEST_F(Fsck, ARepairThatIsKilledLosesNothing) {
  for (const uint32_t seed : Seeds(15, 200)) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const std::string path = Make("a", 1'500'000);
    for (int i = 0; i < 5; ++i) Overwrite(path, random() % 1'400'000, 1 + random() % 90'000);
    Flip(path, kSlot0 + 7);
    const CheckedDocument checked = Check(path);
    const pid_t child = fork();
    if (child == 0) {
      (void)RepairDocument(Spec(), checked, CopyOf(path));
      _exit(0);
    }
    usleep(static_cast<useconds_t>(random() % 30'000));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    EXPECT_TRUE(Readable(path) == content_[path]);
    const CheckedDocument again = Check(path);
    ASSERT_FALSE(again.failure);
    EXPECT_EQ(again.report.unreadable, 0u);
    if (!again.report.findings.empty()) {
      ASSERT_TRUE(RepairDocument(Spec(), again, CopyOf(path)));
    }
    EXPECT_TRUE(Check(path).report.findings.empty());
    EXPECT_TRUE(Readable(path) == content_[path]);
  }
}

}  // namespace
}  // namespace recrypt
