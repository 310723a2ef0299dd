#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/command.h"
#include "cli/exit_codes.h"
#include "cli/fsck_report.h"
#include "cli/share_walk.h"
#include "core/jcd/stored_name.h"
#include "tests/unit/core_jcd/fixture.h"

namespace recrypt {
namespace {

using testing::HasSubstr;
using testing::Not;

namespace stdfs = std::filesystem;

struct Ran {
  int code;
  std::string out, err;
};

class Fsck : public testing::Test {
 protected:
  Fsck() {
    std::string name = stdfs::temp_directory_path() / "recryptfs-fsck-XXXXXX";
    share_ = ::mkdtemp(name.data());
  }
  ~Fsck() override { stdfs::remove_all(share_); }

  Bytes Stored(size_t size) {
    auto file = std::make_shared<MemoryFile>();
    auto document = world_.Create(file);
    Must(document->Write(0, RandomContent(size)));
    Must(document->Commit(world_.author(), Durability::kSynced));
    return file->bytes();
  }
  void Put(const std::string& name, const Bytes& bytes) {
    stdfs::create_directories((share_ / name).parent_path());
    std::ofstream(share_ / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  Ran Run(std::vector<std::string> options) {
    options.insert(options.begin(), {"fsck", "--structure"});
    options.push_back(share_);
    std::ostringstream out, err;
    const int code = RunCommandLine(Verbs(), std::move(options), out, err);
    return {code, out.str(), err.str()};
  }

  World world_;
  stdfs::path share_;
};

TEST_F(Fsck, SaysNothingOfWhatIsGoodButCountsIt) {
  Put("a.jcd", Stored(5000));
  Put("below/b.jcd", Stored(0));
  Put("below/empty.jcd", {});
  const Ran ran = Run({});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("3 documents: 3 good\n"));
  EXPECT_THAT(ran.out, Not(HasSubstr("a.jcd")));
  EXPECT_THAT(Run({"--verbose"}).out, HasSubstr("/a.jcd: good\n"));
  EXPECT_THAT(Run({"--quiet"}).out, Not(HasSubstr("empty.jcd")));
}

TEST_F(Fsck, NamesWhatIsDamagedWithItsPlaceAndExitsWithSix) {
  Bytes stored = Stored(20'000);
  stored[BlockOffset(2)] ^= 1;
  Put("a.jcd", stored);
  Put("b.jcd", Stored(10));
  const Ran ran = Run({"--quiet"});
  EXPECT_EQ(ran.code, 6);
  EXPECT_THAT(ran.out, HasSubstr("/a.jcd: damaged: 4.0 KiB of 19.5 KiB cannot be read\n"));
  EXPECT_THAT(ran.out, HasSubstr("  block: block 2: "));
  EXPECT_THAT(ran.out, HasSubstr("; bytes 8192 to 12287 of the content cannot be read\n"));
  EXPECT_THAT(ran.out, HasSubstr("2 documents: 1 good, 1 damaged"));
}

TEST_F(Fsck, LeavesTheContentOutWhenAskedTo) {
  Bytes stored = Stored(20'000);
  stored[BlockOffset(2)] ^= 1;
  Put("a.jcd", stored);
  EXPECT_EQ(Run({"--quick"}).code, 0);
}

TEST_F(Fsck, PrintsAnObjectForEachDocumentAndASummary) {
  Bytes stored = Stored(20'000);
  stored[BlockOffset(4)] ^= 1;
  Put("a.jcd", stored);
  Put("x.txt", {1, 2});
  std::istringstream lines(Run({"--json"}).out);
  std::vector<Json> objects;
  for (std::string line; std::getline(lines, line);) objects.push_back(Must(ParseJson(line)));
  ASSERT_EQ(objects.size(), 3u);
  // Documents are checked by the batch.
  if (objects[0]["state"] == "plain") std::swap(objects[0], objects[1]);
  EXPECT_EQ(objects[0]["state"], "damaged");
  EXPECT_EQ(objects[0]["size"], 20'000);
  EXPECT_EQ(objects[0]["authenticated"], false);
  EXPECT_EQ(objects[0]["findings"][0]["part"], "block");
  EXPECT_EQ(objects[0]["findings"][0]["content"]["first"], 16'384);
  EXPECT_EQ(objects[0]["findings"][0]["content"]["end"], 20'000);
  EXPECT_EQ(objects[1]["state"], "plain");
  EXPECT_EQ(objects[2]["summary"]["damaged"], 1);
  EXPECT_EQ(objects[2]["summary"]["plain"], 1);
}

TEST_F(Fsck, WhatIsNamedAsADocumentAndIsNoneIsDamage) {
  Put("text.jcd", ToBytes(AsBytes(std::string("no document at all"))));
  const Ran ran = Run({});
  EXPECT_EQ(ran.code, 6);
  EXPECT_THAT(ran.out, HasSubstr("/text.jcd: no document\n"));
  EXPECT_THAT(ran.out, HasSubstr("1 document: 0 good, 1 damaged"));
}

TEST_F(Fsck, PrintsNamesThatHoldControlsInOneHarmlessLine) {
  Put("a\nb\033[2J.jcd", ToBytes(AsBytes(std::string("no document at all"))));
  const Ran ran = Run({});
  EXPECT_THAT(ran.out, HasSubstr("/a?b?[2J.jcd: no document\n"));
}

TEST_F(Fsck, MakesAFileThatWasNeverWrittenEmptyAndKeepsACopy) {
  Put("a.jcd", Bytes(7000));
  EXPECT_EQ(Run({}).code, 0);
  EXPECT_EQ(stdfs::file_size(share_ / "a.jcd"), 7000u);
  const stdfs::path copies = share_.string() + "-copies";
  const Ran ran = Run({"--repair", "--copies", copies});
  EXPECT_EQ(ran.code, static_cast<int>(ExitCode::kRepaired)) << ran.out << ran.err;
  EXPECT_EQ(stdfs::file_size(share_ / "a.jcd"), 0u);
  EXPECT_EQ(stdfs::file_size(copies / "a.jcd"), 7000u);
  EXPECT_EQ(Run({"--repair", "--copies", copies}).code, 0);
  stdfs::remove_all(copies);
}

TEST_F(Fsck, RepairsNothingWithoutKeysAndSaysSo) {
  Bytes stored = Stored(20'000);
  const Bytes before = stored;
  stored.resize(stored.size() + 100);
  stored[kSlot0 + 8] ^= 1;
  Put("a.jcd", stored);
  const stdfs::path copies = share_.string() + "-copies";
  const Ran ran = Run({"--repair", "--copies", copies});
  EXPECT_EQ(ran.code, 6);
  EXPECT_THAT(ran.out, HasSubstr("  not repaired: without its keys nothing of it can be verified"));
  EXPECT_EQ(stdfs::file_size(share_ / "a.jcd"), stored.size());
  EXPECT_FALSE(stdfs::exists(copies));
}

TEST_F(Fsck, RepairsNothingWhenNoCopyCanBeMade) {
  Put("a.jcd", Bytes(7000));
  Put("file", {1});
  const Ran ran = Run({"--repair", "--copies", share_ / "file" / "below"});
  EXPECT_EQ(ran.code, static_cast<int>(ExitCode::kFailed));
  EXPECT_THAT(ran.out, HasSubstr("its copy cannot be made"));
  EXPECT_EQ(stdfs::file_size(share_ / "a.jcd"), 7000u);
}

TEST_F(Fsck, AsksWhereCopiesGoWhereThereIsNoShare) {
  Put("a.jcd", Bytes(7000));
  const Ran ran = Run({"--repair"});
  EXPECT_EQ(ran.code, static_cast<int>(ExitCode::kUsage));
  EXPECT_THAT(ran.err, HasSubstr("--copies"));
}

TEST_F(Fsck, ASecondNameOfADocumentIsNotCheckedTwice) {
  Put("a.jcd", Stored(100));
  stdfs::create_hard_link(share_ / "a.jcd", share_ / "b.jcd");
  EXPECT_THAT(Run({}).out, HasSubstr("1 document: 1 good\n"));
}

TEST_F(Fsck, FollowsNoLinksAndLeavesTheSharesOwnFolderOut) {
  Put(".recryptfs/fsck-1/a.jcd", Bytes(7000));
  stdfs::create_symlink("/etc", share_ / "link");
  EXPECT_THAT(Run({}).out, HasSubstr("0 documents: 0 good\n"));
}

TEST_F(Fsck, APolicyThatIsNoneIsDamage) {
  Put(".recryptfs/policy.jcp", {'x'});
  const Ran ran = Run({});
  EXPECT_EQ(ran.code, 6);
  EXPECT_THAT(ran.out, HasSubstr("/policy.jcp: damaged"));
}

TEST_F(Fsck, ALongNameThatIsMissingOrWrongIsDamage) {
  const std::string name(255, 'a');
  const std::string stored = StoredDocumentName(name);
  Put(stored, Stored(100));
  Put(SidecarName(stored), ToBytes(AsBytes(name)));
  EXPECT_EQ(Run({}).code, 0);
  Put(SidecarName(stored), ToBytes(AsBytes(std::string("b"))));
  EXPECT_EQ(Run({}).code, 6);
  stdfs::remove(share_ / SidecarName(stored));
  const Ran ran = Run({"--quiet"});
  EXPECT_EQ(ran.code, 6);
  EXPECT_THAT(ran.out, HasSubstr(stored + ": damaged: its long name is lost"));
}

TEST_F(Fsck, WhatWasLeftBehindIsRemovedWhenItIsOld) {
  const std::string sidecar = SidecarName(StoredDocumentName(std::string(255, 'a')));
  const std::string temporary = "a.jcd.0123456789abcdef.tmp";
  for (const std::string& name : {sidecar, temporary}) {
    SCOPED_TRACE(name);
    Put(name, ToBytes(AsBytes(std::string(255, 'a'))));
    const stdfs::path copies = share_.string() + "-copies";
    const Ran recent = Run({"--repair", "--copies", copies});
    EXPECT_EQ(recent.code, 0);
    EXPECT_THAT(recent.out, HasSubstr(": left behind: "));
    EXPECT_THAT(recent.out, HasSubstr(", not removed: it was made in the last hour"));
    stdfs::last_write_time(share_ / name,
                           stdfs::file_time_type::clock::now() - std::chrono::hours(2));
    EXPECT_EQ(Run({"--repair", "--copies", copies}).code, static_cast<int>(ExitCode::kRepaired));
    EXPECT_FALSE(stdfs::exists(share_ / name));
    EXPECT_TRUE(stdfs::exists(copies / name));
    stdfs::remove_all(copies);
  }
}

TEST_F(Fsck, WhatASaveLeftBehindIsCheckedAndStays) {
  const std::string name = ".0123456789abcdef.jcd";
  Put(name, Stored(1000));
  stdfs::last_write_time(share_ / name,
                         stdfs::file_time_type::clock::now() - std::chrono::hours(2));
  const stdfs::path copies = share_.string() + "-copies";
  const Ran ran = Run({"--repair", "--copies", copies});
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.out, HasSubstr(name + ": left behind: by a save that did not finish"));
  EXPECT_THAT(ran.out, HasSubstr("1 document: 1 good"));
  EXPECT_TRUE(stdfs::exists(share_ / name));
}

TEST(ShareFileKinds, AreToldByTheName) {
  EXPECT_EQ(KindByName("a.jcd"), ShareFileKind::kDocument);
  EXPECT_EQ(KindByName(".jcd"), ShareFileKind::kPlain);
  EXPECT_EQ(KindByName("a.txt"), ShareFileKind::kPlain);
  EXPECT_EQ(KindByName(".0123456789abcdef.jcd"), ShareFileKind::kTemporaryDocument);
  EXPECT_EQ(KindByName(".0123456789abcdeg.jcd"), ShareFileKind::kDocument);
  EXPECT_EQ(KindByName("a.jcd.0123456789abcdef.tmp"), ShareFileKind::kTemporary);
  EXPECT_EQ(KindByName("a.tmp"), ShareFileKind::kPlain);
}

TEST(FsckExit, IsTheWorstOfWhatWasFound) {
  FsckSummary summary;
  EXPECT_EQ(summary.Exit(), ExitCode::kOk);
  summary.unverified = summary.plain = summary.leftovers = 1;
  EXPECT_EQ(summary.Exit(), ExitCode::kOk);
  summary.repaired = 1;
  EXPECT_EQ(summary.Exit(), ExitCode::kRepaired);
  summary.unavailable = 1;
  EXPECT_EQ(summary.Exit(), ExitCode::kUnavailable);
  summary.busy = 1;
  EXPECT_EQ(summary.Exit(), ExitCode::kBusy);
  summary.unchecked = 1;
  EXPECT_EQ(summary.Exit(), ExitCode::kFailed);
  summary.damaged = 1;
  EXPECT_EQ(summary.Exit(), ExitCode::kCorrupt);
}

}  // namespace
}  // namespace recrypt
