// Copies of stored documents, as sync clients and people leave them on a share: the same document
// at two places, in two states.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "tests/mount/support/mounted.h"

namespace recrypt {
namespace {

class Copies : public MountTest {
 protected:
  void SetUp() override {
    MountTest::SetUp();
    if (IsSkipped()) return;
    Mount();
    WriteFile(*this / "report.odt", "one");
  }
  // On the share, past the mount.
  void Copy(const std::string& from, const std::string& to) {
    stdfs::copy_file(Stored(from), Stored(to), stdfs::copy_options::overwrite_existing);
  }
  int Rename(const std::string& from, const std::string& to, unsigned flags = 0) {
    return renameat2(AT_FDCWD, (*this / from).c_str(), AT_FDCWD, (*this / to).c_str(), flags);
  }
};

TEST_F(Copies, OpenSignedAndLabelledAsTheOriginal) {
  const std::vector<std::string> names = {"report (conflict).odt",
                                          "report.sync-conflict-20261123.odt", "Copy of report.odt",
                                          "report.odt~", "report(1).odt"};
  for (const std::string& name : names) Copy("report.odt.jcd", name + ".jcd");
  EXPECT_EQ(List(mountpoint_).size(), names.size() + 1);
  for (const std::string& name : names) {
    EXPECT_EQ(ReadFile(*this / name), "one");
    EXPECT_EQ(Xattr(*this / name, "user.jcd.label"), "A#example.com");
    EXPECT_EQ(Xattr(*this / name, "user.jcd.signer"), "alice@example.com");
  }
}

TEST_F(Copies, AreEditedEachForItself) {
  Copy("report.odt.jcd", "copy.jcd");
  std::string report = "one", copy = "one";
  FakeAccess bob(labels_, "bob@example.net");
  for (int round = 0; round < 6; ++round) {
    TestMount other(share_, dir_.Make("other"), bob);
    auto check = [&](const std::string& where) {
      EXPECT_EQ(ReadFile(*this / "report.odt"), report) << where << " of round " << round;
      EXPECT_EQ(ReadFile(*this / "copy"), copy) << where << " of round " << round;
      EXPECT_EQ(ReadFile(other / "report.odt"), report) << where << " of round " << round;
      EXPECT_EQ(ReadFile(other / "copy"), copy) << where << " of round " << round;
    };
    check("the start");
    for (int i = 0; i <= round; ++i) {
      AppendFile(*this / "report.odt", " more");
      report += " more";
    }
    check("editing the original");
    AppendFile(other / "copy", " else");
    copy += " else";
    check("editing the copy");
    if (round % 2 == 1) Mount();
  }
}

TEST_F(Copies, TakenInTheMiddleOfACommitAreWholeToo) {
  WriteFile(*this / "f", std::string(300'000, 'x'));
  UniqueFd fd = OpenFd(*this / "f", O_RDWR);
  ASSERT_EQ(pwrite(fd.get(), "record", 6, 100'000), 6);
  ASSERT_EQ(fsync(fd.get()), 0);  // a record stands behind the document
  Copy("f.jcd", "copy.jcd");
  EXPECT_EQ(ReadFile(*this / "copy").substr(99'999, 8), "xrecordx");
  AppendFile(*this / "copy", "end");
  fd.Reset();
  Mount();
  EXPECT_EQ(ReadFile(*this / "copy").size(), 300'003u);
  EXPECT_EQ(ReadFile(*this / "f").substr(99'999, 8), "xrecordx");
}

TEST_F(Copies, DoNotHideAnOlderStateThatIsPutBack) {
  Copy("report.odt.jcd", "kept.jcd");
  Copy("report.odt.jcd", "copy.jcd");
  AppendFile(*this / "report.odt", " two");
  for (int i = 0; i < 4; ++i) AppendFile(*this / "copy", " more");
  EXPECT_EQ(ReadFile(*this / "report.odt"), "one two");
  EXPECT_EQ(ReadFile(*this / "copy"), "one more more more more");
  EXPECT_EQ(ReadFile(*this / "kept"), "one");
  Copy("kept.jcd", "report.odt.jcd");
  EXPECT_EQ(OpenErrno(*this / "report.odt", O_RDONLY), EIO);
  Copy("kept.jcd", "copy.jcd");
  EXPECT_EQ(OpenErrno(*this / "copy", O_RDONLY), EIO);
  EXPECT_EQ(ReadFile(*this / "kept"), "one");
}

TEST_F(Copies, AreRenamedOverOneAnother) {
  Copy("report.odt.jcd", "read.jcd");
  Copy("report.odt.jcd", "unread.jcd");
  for (int i = 0; i < 3; ++i) AppendFile(*this / "report.odt", " two");
  EXPECT_EQ(ReadFile(*this / "read"), "one");
  // Somebody decides for the copy, in the mount: that is no old state put back.
  ASSERT_EQ(Rename("read", "report.odt"), 0);
  EXPECT_EQ(ReadFile(*this / "report.odt"), "one");
  for (int i = 0; i < 3; ++i) AppendFile(*this / "report.odt", " three");
  EXPECT_EQ(ReadFile(*this / "report.odt"), "one three three three");
  // Nor is it with one that this mount has never opened.
  ASSERT_EQ(Rename("unread", "report.odt"), 0);
  EXPECT_EQ(ReadFile(*this / "report.odt"), "one");
  AppendFile(*this / "report.odt", " four");
  // The storage may still not go back.
  Copy("report.odt.jcd", "kept.jcd");
  AppendFile(*this / "report.odt", " five");
  Copy("kept.jcd", "report.odt.jcd");
  EXPECT_EQ(OpenErrno(*this / "report.odt", O_RDONLY), EIO);
}

TEST_F(Copies, ChangePlaces) {
  Copy("report.odt.jcd", "copy.jcd");
  AppendFile(*this / "report.odt", " two");
  EXPECT_EQ(ReadFile(*this / "copy"), "one");
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(Rename("report.odt", "copy", RENAME_EXCHANGE), 0);
    EXPECT_EQ(ReadFile(*this / "report.odt"), i % 2 == 0 ? "one" : "one two");
    EXPECT_EQ(ReadFile(*this / "copy"), i % 2 == 0 ? "one two" : "one");
  }
  ASSERT_EQ(Rename("report.odt", "aside"), 0);
  ASSERT_EQ(Rename("copy", "report.odt"), 0);
  ASSERT_EQ(Rename("aside", "copy"), 0);
  Mount();
  EXPECT_EQ(ReadFile(*this / "report.odt"), "one two");
  EXPECT_EQ(ReadFile(*this / "copy"), "one");
}

// Another user decides for the older copy. This mount cannot tell that from an attack, and says so;
// whoever wants that state renames it.
TEST_F(Copies, OfAnOlderStateMovedThereByOthersAreTakenUponARename) {
  Copy("report.odt.jcd", "copy.jcd");
  AppendFile(*this / "report.odt", " two");
  FakeAccess bob(labels_, "bob@example.net");
  TestMount other(share_, dir_.Make("other"), bob);
  ASSERT_EQ(rename((other / "copy").c_str(), (other / "report.odt").c_str()), 0);
  EXPECT_EQ(ReadFile(other / "report.odt"), "one");
  EXPECT_EQ(OpenErrno(*this / "report.odt", O_RDONLY), EIO);
  EXPECT_NE(Xattr(*this / "report.odt", "user.jcd.why").find("rename it"), std::string::npos);
  ASSERT_EQ(Rename("report.odt", "aside"), 0);
  EXPECT_EQ(ReadFile(*this / "aside"), "one");
  ASSERT_EQ(Rename("aside", "report.odt"), 0);
  EXPECT_EQ(ReadFile(*this / "report.odt"), "one");
}

}  // namespace
}  // namespace recrypt
