// Which label a document gets, and what is shown of a share that holds more than documents.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "tests/mount/support/mounted.h"

namespace recrypt {
namespace {

constexpr int64_t kFarAhead = int64_t{1} << 40;

class Policy : public MountTest {
 protected:
  // A policy that is believed as it is: verifying it is the client's business.
  MountSettings WithPolicy(std::vector<std::pair<std::string, std::string>> paths,
                           std::string label = "") {
    stdfs::create_directories(Stored(".recryptfs"));
    std::ofstream(Stored(".recryptfs/policy.jcp")) << "signed elsewhere";
    SharePolicy policy{
        {1, 0, kFarAhead}, Bytes(16, 7), Principal{*AccountName::Parse("o@example.com"), ""}, {}};
    for (const auto& [path, text] : paths) {
      policy.paths.push_back({path, *LabelExpression::Parse(text)});
    }
    MountSettings settings;
    settings.label = std::move(label);
    settings.policy = std::move(policy);
    return settings;
  }
  std::string LabelOf(const std::string& name) { return Xattr(*this / name, "user.jcd.label"); }
};

TEST_F(Policy, WithoutALabelNothingIsCreated) {
  Mount({.label = ""});
  EXPECT_EQ(OpenErrno(*this / "f", O_WRONLY | O_CREAT), EPERM);
  EXPECT_NE(Xattr(mountpoint_, "user.jcd.why").find("no label rules"), std::string::npos);
  EXPECT_TRUE(List(share_).empty());
  EXPECT_EQ(mkdir((*this / "d").c_str(), 0755), 0);
}

TEST_F(Policy, TheNearestLabelledAncestorRules) {
  Mount(WithPolicy({{"a", "A#example.com"}, {"a/b", "B#example.com"}}));
  for (const char* dir : {"a", "a/b", "a/b/c", "other"}) {
    ASSERT_EQ(mkdir((*this / dir).c_str(), 0755), 0);
  }
  WriteFile(*this / "a/f", "x");
  WriteFile(*this / "a/b/f", "x");
  WriteFile(*this / "a/b/c/f", "x");
  EXPECT_EQ(LabelOf("a/f"), "A#example.com");
  EXPECT_EQ(LabelOf("a/b/f"), "B#example.com");
  EXPECT_EQ(LabelOf("a/b/c/f"), "B#example.com");
  EXPECT_EQ(OpenErrno(*this / "other/f", O_WRONLY | O_CREAT), EPERM);
}

TEST_F(Policy, ADirectoryTellsTheLabelOfNewFiles) {
  Mount(WithPolicy({{"a", "A#example.com"}, {"a/b", "B#example.com | A#example.com"}}));
  for (const char* dir : {"a", "a/b", "a/b/c", "other"}) {
    ASSERT_EQ(mkdir((*this / dir).c_str(), 0755), 0);
  }
  EXPECT_EQ(LabelOf("a"), "A#example.com");
  EXPECT_EQ(LabelOf("a/b/c"), LabelOf("a/b"));
  WriteFile(*this / "a/b/c/f", "x");
  EXPECT_EQ(LabelOf("a/b/c"), LabelOf("a/b/c/f"));
  for (const std::string& unlabelled : {*this / "other", mountpoint_}) {
    EXPECT_EQ(lgetxattr(unlabelled.c_str(), "user.jcd.label", nullptr, 0), -1);
    EXPECT_EQ(errno, ENODATA);
    EXPECT_EQ(lgetxattr(unlabelled.c_str(), "user.jcd.why", nullptr, 0), -1) << "asking is no try";
  }
  EXPECT_EQ(llistxattr((*this / "a").c_str(), nullptr, 0), 0);
  EXPECT_EQ(lsetxattr((*this / "a").c_str(), "user.jcd.label", "B#example.com", 13, 0), -1);
  EXPECT_EQ(errno, EPERM);
}

TEST_F(Policy, TheRootsLabelRulesWhereNoOtherDoes) {
  Mount(WithPolicy({{"", "A#example.com"}, {"a/b", "B#example.com"}}));
  for (const char* dir : {"a", "a/b", "a/bc", "a/b/c"}) {
    ASSERT_EQ(mkdir((*this / dir).c_str(), 0755), 0);
  }
  for (const char* name : {"f", "a/f", "a/bc/f", "a/b/f", "a/b/c/f"}) WriteFile(*this / name, "x");
  for (const char* name : {"f", "a/f", "a/bc/f"}) EXPECT_EQ(LabelOf(name), "A#example.com") << name;
  for (const char* name : {"a/b/f", "a/b/c/f"}) EXPECT_EQ(LabelOf(name), "B#example.com") << name;
}

TEST_F(Policy, TheMountsLabelRulesWhereThePolicyHasNone) {
  Mount(WithPolicy({{"a", "A#example.com"}}, "B#example.com"));
  ASSERT_EQ(mkdir((*this / "a").c_str(), 0755), 0);
  ASSERT_EQ(mkdir((*this / "other").c_str(), 0755), 0);
  WriteFile(*this / "a/f", "x");
  WriteFile(*this / "other/f", "x");
  WriteFile(*this / "f", "x");
  EXPECT_EQ(LabelOf("a/f"), "A#example.com");
  EXPECT_EQ(LabelOf("other/f"), "B#example.com");
  EXPECT_EQ(LabelOf("f"), "B#example.com");
}

// Whatever a directory is called: its stored name is what the policy speaks of.
TEST_F(Policy, RulesInADirectoryCalledLikeADocument) {
  Mount(WithPolicy({{"a.jcd.jcd", "A#example.com"}}, "B#example.com"));
  ASSERT_EQ(mkdir((*this / "a.jcd").c_str(), 0755), 0);
  WriteFile(*this / "a.jcd/f", "x");
  EXPECT_EQ(LabelOf("a.jcd/f"), "A#example.com");
  EXPECT_EQ(rename((*this / "a.jcd").c_str(), (*this / "b").c_str()), -1);
  EXPECT_EQ(errno, EPERM);
}

TEST_F(Policy, TheSharesOwnDirectoryIsHidden) {
  Mount(WithPolicy({{"", "A#example.com"}}));
  EXPECT_TRUE(List(mountpoint_).empty());
  EXPECT_EQ(OpenErrno(*this / ".recryptfs", O_RDONLY), ENOENT);
  EXPECT_EQ(OpenErrno(*this / ".recryptfs/policy.jcp", O_RDONLY), ENOENT);
  EXPECT_EQ(mkdir((*this / ".recryptfs").c_str(), 0755), -1);
  EXPECT_EQ(errno, EPERM);
  ASSERT_EQ(mkdir((*this / "d").c_str(), 0755), 0);
  EXPECT_EQ(rename((*this / "d").c_str(), (*this / ".recryptfs").c_str()), -1);
  EXPECT_EQ(errno, EPERM);
}

TEST_F(Policy, AMountOfAnUnbelievablePolicyIsRefused) {
  WithPolicy({});
  MountSettings settings;  // believes none
  EXPECT_THROW(Mount(std::move(settings)), std::runtime_error);
}

TEST_F(Policy, APolicyThatDisappearsStopsCreation) {
  Mount(WithPolicy({{"", "A#example.com"}}, "B#example.com"));
  WriteFile(*this / "before", "x");
  stdfs::remove_all(Stored(".recryptfs"));
  usleep(1'200'000);
  EXPECT_NE(OpenErrno(*this / "after", O_WRONLY | O_CREAT), 0);
  EXPECT_EQ(ReadFile(*this / "before"), "x");
}

TEST_F(Policy, LabelledDirectoriesAreNotRenamed) {
  Mount(WithPolicy({{"a/b", "A#example.com"}}));
  for (const char* dir : {"a", "a/b", "a/b/c"}) {
    ASSERT_EQ(mkdir((*this / dir).c_str(), 0755), 0);
  }
  EXPECT_EQ(rename((*this / "a").c_str(), (*this / "z").c_str()), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(rename((*this / "a/b").c_str(), (*this / "z").c_str()), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(rename((*this / "a/b/c").c_str(), (*this / "z").c_str()), 0);
  EXPECT_NE(Xattr(mountpoint_, "user.jcd.why").find("policy names"), std::string::npos);
  ASSERT_EQ(mkdir((*this / "ab").c_str(), 0755), 0);  // not below "a"
  for (const auto& [one, two] : {std::pair("a", "z"), {"z", "a"}, {"a/b", "ab"}, {"z", "a/b"}}) {
    EXPECT_EQ(renameat2(AT_FDCWD, (*this / one).c_str(), AT_FDCWD, (*this / two).c_str(),
                        RENAME_EXCHANGE),
              -1);
    EXPECT_EQ(errno, EPERM) << one << " and " << two;
  }
  EXPECT_EQ(rename((*this / "ab").c_str(), (*this / "a/b/ab").c_str()), 0);
}

TEST_F(Policy, ADocumentKeepsItsLabelWhenMoved) {
  Mount(WithPolicy({{"a", "A#example.com"}, {"b", "B#example.com"}}));
  ASSERT_EQ(mkdir((*this / "a").c_str(), 0755), 0);
  ASSERT_EQ(mkdir((*this / "b").c_str(), 0755), 0);
  WriteFile(*this / "a/f", "x");
  ASSERT_EQ(rename((*this / "a/f").c_str(), (*this / "b/f").c_str()), 0);
  EXPECT_EQ(LabelOf("b/f"), "A#example.com");
  AppendFile(*this / "b/f", "y");
  EXPECT_EQ(LabelOf("b/f"), "A#example.com");
  WriteFile(*this / "b/f", "z");  // truncated: a new document under the same label
  EXPECT_EQ(LabelOf("b/f"), "A#example.com");
  EXPECT_EQ(ReadFile(*this / "b/f"), "z");
}

TEST_F(Policy, SavingByRenameKeepsTheLabel) {
  Mount(WithPolicy({{"a", "A#example.com"}, {"b", "B#example.com"}}));
  ASSERT_EQ(mkdir((*this / "a").c_str(), 0755), 0);
  ASSERT_EQ(mkdir((*this / "b").c_str(), 0755), 0);
  WriteFile(*this / "a/report", "first version");
  ASSERT_EQ(rename((*this / "a/report").c_str(), (*this / "b/report").c_str()), 0);
  const std::string second = RandomText(2'500'000, 5);
  WriteFile(*this / "b/report.new", second);
  EXPECT_EQ(LabelOf("b/report.new"), "B#example.com");
  ASSERT_EQ(chmod((*this / "b/report.new").c_str(), 0640), 0);
  ASSERT_EQ(rename((*this / "b/report.new").c_str(), (*this / "b/report").c_str()), 0);
  EXPECT_TRUE(ReadFile(*this / "b/report") == second);
  EXPECT_EQ(LabelOf("b/report"), "A#example.com");
  EXPECT_EQ(List(Stored("b")), std::vector<std::string>{"report.jcd"});
  struct stat st;
  ASSERT_EQ(stat((*this / "b/report").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0640u);
  AppendFile(*this / "b/report", "!");
  EXPECT_TRUE(ReadFile(*this / "b/report") == second + "!");
  // One that was made elsewhere keeps its own.
  WriteFile(*this / "a/other", "made under A");
  WriteFile(*this / "b/mine", "made under B");
  ASSERT_EQ(rename((*this / "a/other").c_str(), (*this / "b/mine").c_str()), 0);
  EXPECT_EQ(LabelOf("b/mine"), "A#example.com");
}

TEST_F(Policy, SavingByRenameKeepsTheLabelUnderALongNameToo) {
  Mount(WithPolicy({{"a", "A#example.com"}, {"b", "B#example.com"}}));
  ASSERT_EQ(mkdir((*this / "a").c_str(), 0755), 0);
  ASSERT_EQ(mkdir((*this / "b").c_str(), 0755), 0);
  const std::string name(255, 'n'), temporary(254, 't');
  WriteFile(*this / "a/" + name, "first");
  ASSERT_EQ(rename((*this / "a/" + name).c_str(), (*this / "b/" + name).c_str()), 0);
  EXPECT_TRUE(List(Stored("a")).empty());
  WriteFile(*this / "b/" + temporary, "second");
  ASSERT_EQ(rename((*this / "b/" + temporary).c_str(), (*this / "b/" + name).c_str()), 0);
  EXPECT_EQ(List(*this / "b"), std::vector<std::string>{name});
  EXPECT_EQ(ReadFile(*this / "b/" + name), "second");
  EXPECT_EQ(LabelOf("b/" + name), "A#example.com");
  EXPECT_EQ(List(Stored("b")).size(), 2u);  // the document and its name
}

// One that a mount did not see being made there may come from anywhere.
TEST_F(Policy, SavingByRenameOfWhatAnotherMountMadeKeepsItsOwnLabel) {
  const MountSettings settings = WithPolicy({{"a", "A#example.com"}, {"b", "B#example.com"}});
  Mount(settings);
  ASSERT_EQ(mkdir((*this / "a").c_str(), 0755), 0);
  ASSERT_EQ(mkdir((*this / "b").c_str(), 0755), 0);
  WriteFile(*this / "a/report", "first");
  ASSERT_EQ(rename((*this / "a/report").c_str(), (*this / "b/report").c_str()), 0);
  WriteFile(*this / "b/new", "second");
  Mount(settings);
  ASSERT_EQ(rename((*this / "b/new").c_str(), (*this / "b/report").c_str()), 0);
  EXPECT_EQ(LabelOf("b/report"), "B#example.com");
  EXPECT_EQ(ReadFile(*this / "b/report"), "second");
}

TEST_F(Policy, SavingByRenameOverAnUnsignedDocumentKeepsItsOwnLabel) {
  labels_.Add("C#example.com", true);
  Mount(WithPolicy({{"c", "C#example.com"}, {"b", "B#example.com"}}));
  ASSERT_EQ(mkdir((*this / "c").c_str(), 0755), 0);
  ASSERT_EQ(mkdir((*this / "b").c_str(), 0755), 0);
  alice_->may_write = false;
  WriteFile(*this / "c/f", "by somebody");
  EXPECT_EQ(Xattr(*this / "c/f", "user.jcd.signer"), "unknown author");
  alice_->may_write = true;
  stdfs::rename(Stored("c/f.jcd"), Stored("b/f.jcd"));
  WriteFile(*this / "b/new", "secret");
  ASSERT_EQ(rename((*this / "b/new").c_str(), (*this / "b/f").c_str()), 0);
  EXPECT_EQ(LabelOf("b/f"), "B#example.com");
  EXPECT_EQ(ReadFile(*this / "b/f"), "secret");
}

// Signed or not: nothing is encrypted to a label that this client knows no key of.
TEST_F(Policy, ADocumentOfAnUnknownLabelIsNotWritten) {
  FakeLabels more;
  more.Add("A#example.com");
  more.Add("B#example.com");
  more.Add("Z#example.com");
  FakeAccess zoe(more, "zoe@example.com");
  {
    TestMount theirs(share_, mountpoint_, zoe, {.label = "Z#example.com"});
    WriteFile(theirs / "z", "of another house");
  }
  Mount();
  EXPECT_NE(OpenErrno(*this / "z", O_RDWR), 0);
  EXPECT_NE(OpenErrno(*this / "z", O_WRONLY | O_TRUNC), 0);
  EXPECT_NE(truncate((*this / "z").c_str(), 0), 0);
  mount_.reset();
  TestMount theirs(share_, mountpoint_, zoe, {.label = "Z#example.com"});
  EXPECT_EQ(ReadFile(theirs / "z"), "of another house");
}

TEST_F(Policy, AnUnsignedDocumentOfAnotherLabelIsNotWritten) {
  labels_.Add("C#example.com", true);
  Mount(WithPolicy({{"c", "C#example.com"}, {"b", "B#example.com"}}));
  ASSERT_EQ(mkdir((*this / "c").c_str(), 0755), 0);
  ASSERT_EQ(mkdir((*this / "b").c_str(), 0755), 0);
  alice_->may_write = false;
  WriteFile(*this / "c/f", "by somebody");
  EXPECT_EQ(Xattr(*this / "c/f", "user.jcd.signer"), "unknown author");
  alice_->may_write = true;
  // Whoever controls the storage puts it where B rules, to have edits encrypted to C.
  stdfs::rename(Stored("c/f.jcd"), Stored("b/f.jcd"));
  EXPECT_EQ(ReadFile(*this / "b/f"), "by somebody");
  EXPECT_EQ(Xattr(*this / "b/f", "user.jcd.signer"), "unknown author");
  EXPECT_EQ(OpenErrno(*this / "b/f", O_RDWR), EACCES);
  EXPECT_EQ(OpenErrno(*this / "b/f", O_RDWR | O_TRUNC), EACCES);
  EXPECT_EQ(ReadFile(*this / "b/f"), "by somebody");
}

TEST_F(Policy, PlainFilesAreShownReadOnly) {
  std::ofstream(Stored("notes.txt")) << "in plain";
  std::ofstream(Stored("both")) << "beside a document";
  Mount();
  WriteFile(*this / "other", "protected");
  ASSERT_EQ(rename((*this / "other").c_str(), (*this / "both").c_str()), 0);
  EXPECT_EQ(List(mountpoint_), (std::vector<std::string>{"both", "both (plain)", "notes.txt"}));
  EXPECT_EQ(ReadFile(*this / "notes.txt"), "in plain");
  EXPECT_EQ(ReadFile(*this / "both"), "protected");
  EXPECT_EQ(ReadFile(*this / "both (plain)"), "beside a document");
  struct stat st;
  ASSERT_EQ(stat((*this / "notes.txt").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0222, 0u);
  EXPECT_EQ(OpenErrno(*this / "notes.txt", O_RDWR), EPERM);
  EXPECT_EQ(truncate((*this / "notes.txt").c_str(), 0), -1);
  EXPECT_EQ(chmod((*this / "notes.txt").c_str(), 0666), -1);
  EXPECT_NE(Xattr(*this / "notes.txt", "user.jcd.why").find("plain"), std::string::npos);
  EXPECT_EQ(unlink((*this / "both (plain)").c_str()), 0);
  EXPECT_EQ(ReadFile(*this / "both"), "protected");
}

// Nothing that is done in the mount changes a byte, an attribute or the name of one.
TEST_F(Policy, PlainFilesAreChangedByNothing) {
  std::ofstream(Stored("plain")) << "in plain";
  ASSERT_EQ(chmod(Stored("plain").c_str(), 0666), 0);
  struct stat before, after;
  ASSERT_EQ(stat(Stored("plain").c_str(), &before), 0);
  Mount();
  WriteFile(*this / "document", "x");
  const std::string plain = *this / "plain", other = *this / "other", document = *this / "document";
  for (int flags :
       {O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC, O_WRONLY | O_APPEND, O_WRONLY | O_CREAT}) {
    EXPECT_EQ(OpenErrno(plain, flags), EPERM) << flags;
  }
  const struct timespec times[2] = {{1, 0}, {1, 0}};
  const std::vector<std::pair<const char*, std::function<int()>>> refused = {
      {"truncate", [&] { return truncate(plain.c_str(), 3); }},
      {"chmod", [&] { return chmod(plain.c_str(), 0600); }},
      {"chown", [&] { return chown(plain.c_str(), 1, 1); }},
      {"utimens", [&] { return utimensat(AT_FDCWD, plain.c_str(), times, 0); }},
      {"link", [&] { return link(plain.c_str(), other.c_str()); }},
      {"rename", [&] { return rename(plain.c_str(), other.c_str()); }},
      {"rename over", [&] { return rename(plain.c_str(), document.c_str()); }},
      {"setxattr", [&] { return setxattr(plain.c_str(), "user.x", "y", 1, 0); }},
      {"removexattr", [&] { return removexattr(plain.c_str(), "user.x"); }},
  };
  for (const auto& [what, call] : refused) {
    EXPECT_EQ(call(), -1) << what;
    EXPECT_EQ(errno, EPERM) << what;
  }
  EXPECT_EQ(renameat2(AT_FDCWD, document.c_str(), AT_FDCWD, plain.c_str(), RENAME_EXCHANGE), -1);
  EXPECT_EQ(renameat2(AT_FDCWD, plain.c_str(), AT_FDCWD, document.c_str(), RENAME_EXCHANGE), -1);
  EXPECT_EQ(access(plain.c_str(), W_OK), -1);
  EXPECT_EQ(access(plain.c_str(), R_OK), 0);
  EXPECT_EQ(ReadFile(plain), "in plain");
  ASSERT_EQ(stat(Stored("plain").c_str(), &after), 0);
  EXPECT_EQ(ReadFile(Stored("plain")), "in plain");
  EXPECT_EQ(after.st_mode, before.st_mode);
  EXPECT_EQ(after.st_nlink, before.st_nlink);
  EXPECT_EQ(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
  EXPECT_EQ(after.st_ctim.tv_nsec, before.st_ctim.tv_nsec);
  // As read-only files anywhere, it may be removed.
  EXPECT_EQ(unlink(plain.c_str()), 0);
}

}  // namespace
}  // namespace recrypt
