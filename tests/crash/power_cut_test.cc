// Power cuts: what a mount does to its share is recorded; the share is then put together as a disk
// may have kept it at any point (tests/crash/support/power_cut.h says what that may be), and a
// fresh file system on it has to find what DESIGN 6 promises, and to go on.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <unistd.h>

#include <cstdio>

#include "tests/crash/support/workbench.h"

namespace recrypt {
namespace {

class PowerCutTest : public testing::Test {
 protected:
  uint64_t Below(uint64_t limit) { return bench_.random()() % limit; }
  std::string Some(uint64_t most) { return bench_.RandomContent(1 + Below(most)); }
  void MakeDurable(const std::string& path, const std::string& content) {
    bench_.Create(path);
    bench_.Write(path, 0, content);
    bench_.Sync(path);
  }

  // Until what was done a moment ago off the programs' path is over.
  template <typename Done>
  bool Waits(Done done) {
    for (int i = 0; i < 3000 && !done(); ++i) usleep(10'000);
    return done();
  }

  Workbench bench_;
};

// What this run came to, when it was a whole one.
class CountOfStates : public testing::Environment {
 public:
  void TearDown() override {
    std::printf("crash states: %zu\n", StatesChecked());
    if (testing::GTEST_FLAG(filter) != "*") return;
    EXPECT_GE(StatesChecked(), StatesWanted() > 100 ? 10'000u : 500u);
  }
};
testing::Environment* const count = testing::AddGlobalTestEnvironment(new CountOfStates);

TEST_F(PowerCutTest, OverwritesWithFsyncAreOldOrNew) {
  MakeDurable("a", bench_.RandomContent(100'000));
  MakeDurable("b", bench_.RandomContent(9'000));
  for (int i = 0; i < 40; ++i) {
    const std::string path = Below(2) == 0 ? "a" : "b";
    bench_.Write(path, Below(bench_.content(path).size()), Some(9'000));
    if (Below(3) != 0) bench_.Sync(path);
  }
  bench_.CheckCrashes(DiskRules::kAny);
}

TEST_F(PowerCutTest, AppendsWithFsyncAreOldOrNew) {
  MakeDurable("log", "");
  for (int i = 0; i < 60; ++i) {
    bench_.Append("log", Some(Below(10) == 0 ? 300'000 : 6'000));
    if (Below(3) != 0) bench_.Sync("log");
  }
  bench_.CheckCrashes(DiskRules::kAny);
}

TEST_F(PowerCutTest, CommitsWithoutFsyncKeepTheirOrder) {
  MakeDurable("a", bench_.RandomContent(50'000));
  for (int i = 0; i < 30; ++i) {
    bench_.Write("a", Below(bench_.content("a").size()), Some(9'000));
    if (Below(2) == 0) bench_.Append("a", Some(9'000));
    bench_.Close("a");
    bench_.Stat("a");
    bench_.Open("a");
    if (i % 10 == 9) bench_.Sync("a");
  }
  bench_.CheckCrashes(DiskRules::kAny);
}

// What an editor does, carefully.
TEST_F(PowerCutTest, SavingByRenameWithFsyncLosesNothing) {
  bench_.Save("doc", bench_.RandomContent(20'000));
  for (int i = 0; i < 12; ++i) {
    bench_.Create("doc.tmp");
    bench_.Write("doc.tmp", 0, Some(60'000));
    bench_.Sync("doc.tmp");
    bench_.Close("doc.tmp");
    bench_.Rename("doc.tmp", "doc");
    bench_.SyncDirectory("");
  }
  bench_.CheckCrashes(DiskRules::kInOrder);
}

// What most do: the rename alone has to be enough.
TEST_F(PowerCutTest, SavingByRenameWithoutFsyncLeavesOldOrNew) {
  bench_.Save("doc", bench_.RandomContent(20'000));
  for (int i = 0; i < 20; ++i) {
    bench_.Save("doc.tmp", Some(i % 5 == 0 ? 700'000 : 30'000));
    if (Below(2) == 0) bench_.Stat("doc.tmp");
    bench_.Rename("doc.tmp", "doc");
  }
  bench_.CheckCrashes(DiskRules::kInOrder);
}

// As rsync and others do who keep a backup of what they replace.
TEST_F(PowerCutTest, ChangingPlacesByRenameLosesNothing) {
  MakeDurable("a", Some(30'000));
  MakeDurable("b", Some(30'000));
  bench_.SyncDirectory("");
  for (int i = 0; i < 10; ++i) {
    bench_.Rename("a", "b", RENAME_EXCHANGE);
    bench_.Write("a", 0, Some(5'000));
    if (Below(2) == 0) bench_.Sync("a");
    if (Below(2) == 0) bench_.SyncDirectory("");
  }
  bench_.CheckCrashes(DiskRules::kAny);
}

TEST_F(PowerCutTest, ManyNewFilesAreAbsentEmptyOrWhole) {
  bench_.MakeDirectory("d");
  for (int i = 0; i < 40; ++i) {
    const std::string path = "d/file " + std::to_string(i);
    bench_.Save(path, Below(8) == 0 ? "" : Some(Below(4) == 0 ? 60'000 : 3'000));
    if (Below(4) == 0) bench_.Stat(path);
    if (Below(6) == 0) {
      bench_.Open(path);
      bench_.Sync(path);
      bench_.Close(path);
    }
    if (Below(8) == 0) bench_.SyncDirectory("d");
    if (Below(8) == 0) bench_.Remove(path);
  }
  bench_.CheckCrashes(DiskRules::kInOrder);
}

TEST_F(PowerCutTest, LargeNewFilesAreAbsentEmptyOrWhole) {
  for (int i = 0; i < 4; ++i) {
    const std::string path = "large " + std::to_string(i);
    bench_.Create(path);
    for (int part = 0; part < 3 + i; ++part) bench_.Append(path, bench_.RandomContent(400'000));
    if (i == 2) bench_.Sync(path);
    bench_.Close(path);
    bench_.Stat(path);
  }
  bench_.CheckCrashes(DiskRules::kInOrder);
}

TEST_F(PowerCutTest, TruncationsAndHolesAreOldOrNew) {
  MakeDurable("a", bench_.RandomContent(100'000));
  for (int i = 0; i < 50; ++i) {
    const uint64_t size = bench_.content("a").size();
    switch (Below(5)) {
      case 0:
        bench_.Truncate("a", 1 + Below(150'000));
        break;
      case 1:
        bench_.PunchHole("a", Below(size), 1 + Below(30'000));
        break;
      case 2:
        bench_.Write("a", Below(size), Some(9'000));
        break;
      case 3:
        bench_.Append("a", Some(9'000));
        break;
      case 4:
        bench_.Sync("a");
        break;
    }
  }
  bench_.CheckCrashes(DiskRules::kAny);
}

// Writing a file anew with O_TRUNC, as `>` in a shell does: old, empty or new, as anywhere.
TEST_F(PowerCutTest, WritingAnewIsOldEmptyOrNew) {
  MakeDurable("a", Some(30'000));
  bench_.Close("a");
  for (int i = 0; i < 15; ++i) {
    bench_.Open("a", O_TRUNC);
    bench_.Write("a", 0, Some(30'000));
    if (Below(2) == 0) bench_.Sync("a");
    bench_.Close("a");
    if (Below(2) == 0) bench_.Stat("a");
  }
  bench_.CheckCrashes(DiskRules::kInOrder);
}

TEST_F(PowerCutTest, HardLinksAreOneDocument) {
  MakeDurable("a", Some(30'000));
  bench_.MakeDirectory("d");
  for (int i = 0; i < 15; ++i) {
    const std::string name = "d/" + std::to_string(i);
    bench_.Link("a", name);
    bench_.Write("a", Below(1'000), Some(9'000));
    if (Below(2) == 0) bench_.Sync("a");
    if (Below(3) == 0) bench_.Remove(name);
    if (Below(3) == 0) bench_.SyncDirectory("d");
  }
  bench_.CheckCrashes(DiskRules::kAny);
}

TEST_F(PowerCutTest, DirectoriesThatAreMovedKeepWhatIsInThem) {
  bench_.MakeDirectory("d0");
  for (int i = 0; i < 10; ++i) {
    const std::string here = "d" + std::to_string(i), there = "d" + std::to_string(i + 1);
    MakeDurable(here + "/f" + std::to_string(i), Some(9'000));
    bench_.Close(here + "/f" + std::to_string(i));
    if (Below(2) == 0) bench_.SyncDirectory(here);
    bench_.Rename(here, there);
    if (Below(2) == 0) bench_.SyncDirectory("");
  }
  bench_.CheckCrashes(DiskRules::kAny);
}

// A document under a label of its own keeps it when an editor saves over it.
TEST_F(PowerCutTest, SavingOverAnotherLabelLeavesOldOrNewAndNothingElse) {
  for (int i = 0; i < 10; ++i) {
    const std::string name = "doc " + std::to_string(i % 2);
    if (i < 2) bench_.SaveUnder("B#example.com", name, Some(20'000));
    bench_.Save(name + ".tmp", Some(i == 5 ? 600'000 : 30'000));
    if (Below(2) == 0) bench_.Stat(name + ".tmp");
    bench_.RenameByCopy(name + ".tmp", name);
    if (Below(2) == 0) bench_.SyncDirectory("");
  }
  bench_.CheckCrashes(DiskRules::kInOrder);
}

TEST_F(PowerCutTest, AttributesAreThoseOfOneState) {
  MakeDurable("a", Some(20'000));
  bench_.Close("a");
  for (int i = 0; i < 25; ++i) {
    bench_.SetXattr("a", "user." + std::to_string(Below(3)), Some(200));
    if (Below(3) != 0) continue;
    bench_.Open("a");
    bench_.Write("a", Below(20'000), Some(5'000));
    if (Below(2) == 0) bench_.SetXattr("a", "user.while writing", Some(200));
    if (Below(2) == 0) bench_.Sync("a");
    bench_.Close("a");
    bench_.Stat("a");
  }
  bench_.CheckCrashes(DiskRules::kInOrder);
}

TEST_F(PowerCutTest, LongNamesAreFoundWheneverWhatTheyNameIs) {
  const auto name = [](int i) { return std::string(253, 'x') + std::to_string(10 + i); };
  bench_.MakeDirectory("d");
  for (int i = 0; i < 12; ++i) {
    if (i % 3 == 0) {
      bench_.MakeDirectory("d/" + std::to_string(i));
    }
    bench_.Save("d/" + name(i), Some(9'000));
    if (Below(2) == 0) bench_.Rename("d/" + name(i), "d/" + name(i + 50));
    if (Below(4) == 0) bench_.SyncDirectory("d");
    if (i % 4 == 3) {
      bench_.Save("d/short", Some(9'000));
      bench_.Rename("d/short", "d/" + name(i + 20));
      if (Below(2) == 0) bench_.Remove("d/" + name(i + 20));
    }
  }
  bench_.CheckCrashes(DiskRules::kInOrder);
}

TEST_F(PowerCutTest, NothingIsProvisionalAfterAnUnmount) {
  for (int i = 0; i < 3; ++i) bench_.Save("few " + std::to_string(i), Some(3'000));
  for (int i = 0; i < 3; ++i) bench_.Stat("few " + std::to_string(i));
  EXPECT_EQ(bench_.Provisional(), 3u);
  bench_.Unmount();
  EXPECT_EQ(bench_.Provisional(), 0u);
  Workbench another;
  for (int i = 0; i < 30; ++i) another.Save("many " + std::to_string(i), Some(3'000));
  another.Unmount();
  EXPECT_EQ(another.Provisional(), 0u);
}

TEST_F(PowerCutTest, NothingIsProvisionalForLong) {
  bench_.Save("a", Some(3'000));
  bench_.Stat("a");
  bench_.Save("gone", Some(3'000));
  bench_.Remove("gone");
  bench_.Skip(20'000);
  usleep(600'000);
  EXPECT_EQ(bench_.Provisional(), 1u);
  bench_.Skip(20'000);
  EXPECT_TRUE(Waits([this] { return bench_.Provisional() == 0; }));
}

}  // namespace
}  // namespace recrypt
