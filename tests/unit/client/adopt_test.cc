#include "client/adopt.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>

#include "tests/unit/client/world.h"

namespace recrypt {
namespace {

using testing::HasSubstr;
using testing::UnorderedElementsAre;

class AdoptTest : public testing::Test {
 protected:
  AdoptFile File(const std::vector<std::string>& names) {
    AdoptFile file;
    for (const std::string& name : names) {
      file.names.push_back({folder_ / name, folder_ / (name + ".jcd")});
    }
    return file;
  }
  std::vector<Adopted> Adopt(const std::vector<AdoptFile>& files) {
    std::vector<Adopted> done;
    Adopter(spec_).Run(files, [&](const Adopted& one) { done.push_back(one); });
    return done;
  }
  Adopted AdoptOne(const std::string& name) { return Adopt({File({name})}).front(); }
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      names.push_back(entry.path().filename());
    }
    return names;
  }
  struct stat Stat(const std::string& name) {
    struct stat info {};
    EXPECT_EQ(::lstat((folder_ / name).c_str(), &info), 0) << name;
    return info;
  }
  // As bob reads it, elsewhere.
  std::string Read(const std::string& name) {
    const auto done = DecryptFile(*bob_, clock_, folder_ / name, out_ / name,
                                  {Overwrite::kReplace, Keep::kAll, nullptr});
    EXPECT_TRUE(done) << done.error().message;
    return ReadText(out_ / name);
  }

  World world_;
  SystemClock clock_;
  TestFolder folder_, out_;
  std::unique_ptr<Access> access_ = world_.alice.client().MakeAccess();
  std::unique_ptr<Access> bob_ = world_.bob.client().MakeAccess();
  AdoptSpec spec_{access_.get(), &clock_, Expression("Accounting#example.com"),
                  [](const std::string&, std::string_view) { return Result<UniqueFd>(); }};
};

TEST_F(AdoptTest, APlainFileBecomesADocumentWithAllThatBelongsToIt) {
  const std::string path = folder_ / "report";
  WriteText(path, "the figures of the year");
  ASSERT_EQ(::setxattr(path.c_str(), "user.colour", "blue", 4, 0), 0);
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  const struct timespec times[2] = {{1'000'000'000, 1}, {981'173'106, 789'000'000}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  const Adopted done = AdoptOne("report");
  ASSERT_FALSE(done.failure) << done.failure->message;
  EXPECT_THAT(Names(), UnorderedElementsAre("report.jcd"));
  EXPECT_EQ(ReadText(folder_ / "report.jcd").find("the figures"), std::string::npos);
  const struct stat stored = Stat("report.jcd");
  EXPECT_EQ(stored.st_mode & 07777, 0640u);
  EXPECT_EQ(stored.st_mtim.tv_sec, 981'173'106);
  EXPECT_EQ(stored.st_mtim.tv_nsec, 789'000'000);
  EXPECT_EQ(Read("report.jcd"), "the figures of the year");
  char colour[8] = {};
  ASSERT_EQ(::getxattr((out_ / "report.jcd").c_str(), "user.colour", colour, 8), 4);
  EXPECT_STREQ(colour, "blue");
  EXPECT_LT(::getxattr((folder_ / "report.jcd").c_str(), "user.colour", colour, 8), 0);
}

TEST_F(AdoptTest, HolesStayHoles) {
  const std::string path = folder_ / "sparse";
  constexpr off_t kSize = off_t{3} << 30;
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT, 0600));
  for (off_t at = 0; at < kSize; at += off_t{700} << 20)
    ASSERT_EQ(::pwrite(fd.get(), "x", 1, at), 1);
  ASSERT_EQ(::ftruncate(fd.get(), kSize), 0);
  fd.Reset();
  const Adopted done = AdoptOne("sparse");
  ASSERT_FALSE(done.failure) << done.failure->message;
  EXPECT_LT(Stat("sparse.jcd").st_blocks * 512, 4 << 20);
  const auto back = DecryptFile(*bob_, clock_, folder_ / "sparse.jcd", out_ / "sparse", {});
  ASSERT_TRUE(back) << back.error().message;
  struct stat info {};
  ASSERT_EQ(::stat((out_ / "sparse").c_str(), &info), 0);
  EXPECT_EQ(info.st_size, kSize);
  EXPECT_LT(info.st_blocks * 512, 1 << 20);
}

// Whoever may make names in a directory would have the document, and the owner nothing.
TEST_F(AdoptTest, ADocumentOfSomebodyElsesIsNotTakenForTheFile) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  WriteText(folder_ / "report", "figures");
  const auto planted = EncryptFile(*bob_, {spec_.label, "report"}, folder_ / "report",
                                   folder_ / "report.jcd", Overwrite::kRefuse);
  ASSERT_TRUE(planted) << planted.error().message;
  ASSERT_EQ(::chown((folder_ / "report").c_str(), 12345, 12345), 0);
  ASSERT_EQ(::chown((folder_ / "report.jcd").c_str(), 54321, 54321), 0);
  const Adopted done = AdoptOne("report");
  ASSERT_TRUE(done.failure);
  EXPECT_EQ(done.failure->code, ErrorCode::kExists);
  EXPECT_THAT(done.failure->message, HasSubstr("belongs to somebody else"));
  EXPECT_THAT(Names(), UnorderedElementsAre("report", "report.jcd"));
  // The file's owner's, and who adopts, may have begun before.
  ASSERT_EQ(::chown((folder_ / "report.jcd").c_str(), 12345, 54321), 0);
  EXPECT_FALSE(AdoptOne("report").failure);
  EXPECT_THAT(Names(), UnorderedElementsAre("report.jcd"));
}

TEST_F(AdoptTest, ADocumentThatCannotBeReachedIsAFailure) {
  WriteText(folder_ / "report", "figures");
  AdoptFile file = File({"report"});
  file.names.front().stored = folder_ / "gone/report.jcd";
  const auto done = Adopt({file});
  ASSERT_TRUE(done.front().failure);
  EXPECT_EQ(done.front().failure->os_error, ENOENT);
  EXPECT_THAT(Names(), UnorderedElementsAre("report"));
}

TEST_F(AdoptTest, AnEmptyFileBecomesASignedDocument) {
  WriteText(folder_ / "empty", "");
  ASSERT_FALSE(AdoptOne("empty").failure);
  EXPECT_GT(Stat("empty.jcd").st_size, 0);
  EXPECT_EQ(Read("empty.jcd"), "");
}

TEST_F(AdoptTest, AFileWithSeveralNamesBecomesADocumentWithSeveral) {
  WriteText(folder_ / "a", "one file");
  ASSERT_EQ(::link((folder_ / "a").c_str(), (folder_ / "b").c_str()), 0);
  // One name alone would be two files afterwards, one of them plain.
  const Adopted alone = AdoptOne("a");
  ASSERT_TRUE(alone.failure);
  EXPECT_THAT(alone.failure->message, HasSubstr("2 names"));
  EXPECT_THAT(Names(), UnorderedElementsAre("a", "b"));
  const auto done = Adopt({File({"a", "b"})});
  ASSERT_FALSE(done.front().failure) << done.front().failure->message;
  EXPECT_THAT(Names(), UnorderedElementsAre("a.jcd", "b.jcd"));
  EXPECT_EQ(Stat("a.jcd").st_ino, Stat("b.jcd").st_ino);
  EXPECT_EQ(Read("b.jcd"), "one file");
}

TEST_F(AdoptTest, WhatIsOpenForWritingStaysPlain) {
  WriteText(folder_ / "log", "line 1\n");
  const UniqueFd writer(::open((folder_ / "log").c_str(), O_WRONLY | O_APPEND));
  const Adopted done = AdoptOne("log");
  ASSERT_TRUE(done.failure);
  EXPECT_EQ(done.failure->code, ErrorCode::kBusy);
  EXPECT_THAT(Names(), UnorderedElementsAre("log"));
}

TEST_F(AdoptTest, WhatIsOpenedForWritingAtTheLastMomentStaysPlain) {
  WriteText(folder_ / "late", "before");
  spec_.keep_name = [&](const std::string&, std::string_view) {
    // It would wait until the plain file had gone; what is told about it is what counts here.
    EXPECT_LT(::open((folder_ / "late").c_str(), O_WRONLY | O_NONBLOCK), 0);
    return Result<UniqueFd>();
  };
  const Adopted done = AdoptOne("late");
  ASSERT_TRUE(done.failure);
  EXPECT_EQ(done.failure->code, ErrorCode::kBusy);
  EXPECT_THAT(Names(), UnorderedElementsAre("late"));
  EXPECT_EQ(ReadText(folder_ / "late"), "before");
}

TEST_F(AdoptTest, WhatChangesMeanwhileStaysPlain) {
  WriteText(folder_ / "changing", "before");
  spec_.keep_name = [&](const std::string&, std::string_view) {
    std::filesystem::permissions(folder_ / "changing", std::filesystem::perms::owner_read);
    return Result<UniqueFd>();
  };
  const Adopted done = AdoptOne("changing");
  ASSERT_TRUE(done.failure);
  EXPECT_EQ(done.failure->code, ErrorCode::kBusy);
  EXPECT_THAT(Names(), UnorderedElementsAre("changing"));
}

TEST_F(AdoptTest, WhatIsReplacedMeanwhileStays) {
  WriteText(folder_ / "saved", "before");
  spec_.keep_name = [&](const std::string&, std::string_view) {
    WriteText(folder_ / "new", "after!");
    std::filesystem::rename(folder_ / "new", folder_ / "saved");
    return Result<UniqueFd>();
  };
  ASSERT_TRUE(AdoptOne("saved").failure);
  EXPECT_THAT(Names(), UnorderedElementsAre("saved"));
  EXPECT_EQ(ReadText(folder_ / "saved"), "after!");
}

TEST_F(AdoptTest, ADocumentOfAnEarlierRunIsComparedAndThePlainFileGoes) {
  WriteText(folder_ / "x", "content");
  ASSERT_TRUE(EncryptFile(*access_, {spec_.label, "x"}, folder_ / "x", folder_ / "x.jcd",
                          Overwrite::kRefuse));
  const ino_t made = Stat("x.jcd").st_ino;
  const Adopted done = AdoptOne("x");
  ASSERT_FALSE(done.failure) << done.failure->message;
  EXPECT_TRUE(done.was_begun);
  EXPECT_THAT(Names(), UnorderedElementsAre("x.jcd"));
  EXPECT_EQ(Stat("x.jcd").st_ino, made);
}

TEST_F(AdoptTest, ADocumentThatHoldsSomethingElseIsLeftAlone) {
  WriteText(folder_ / "other", "another content");
  ASSERT_TRUE(EncryptFile(*access_, {spec_.label, "x"}, folder_ / "other", folder_ / "x.jcd",
                          Overwrite::kRefuse));
  const std::string stored = ReadText(folder_ / "x.jcd");
  for (const char* content : {"content", "another_content"}) {
    WriteText(folder_ / "x", content);
    const Adopted done = AdoptOne("x");
    ASSERT_TRUE(done.failure);
    EXPECT_EQ(done.failure->code, ErrorCode::kExists) << done.failure->message;
    EXPECT_EQ(ReadText(folder_ / "x"), content);
    EXPECT_EQ(ReadText(folder_ / "x.jcd"), stored);
  }
  // The same content with other attributes is not the same either.
  WriteText(folder_ / "x", "another content");
  ASSERT_EQ(::setxattr((folder_ / "x").c_str(), "user.a", "1", 1, 0), 0);
  EXPECT_TRUE(AdoptOne("x").failure);
  WriteText(folder_ / "x.jcd", "no document at all");
  const Adopted done = AdoptOne("x");
  ASSERT_TRUE(done.failure);
  EXPECT_EQ(ReadText(folder_ / "x.jcd"), "no document at all");
  EXPECT_EQ(ReadText(folder_ / "x"), "another content");
}

TEST_F(AdoptTest, WithoutAGrantThePlainFileStays) {
  WriteText(folder_ / "x", "content");
  ASSERT_TRUE(access_->AuthorFor(spec_.label));  // and remembered
  world_.services.com.Stop();
  const Adopted done = AdoptOne("x");
  ASSERT_TRUE(done.failure);
  EXPECT_EQ(done.failure->code, ErrorCode::kUnavailable) << done.failure->message;
  EXPECT_THAT(Names(), UnorderedElementsAre("x"));
  spec_.open_again = OpenAgainBy::kOwnKeys;
  const Adopted by_own_keys = AdoptOne("x");
  EXPECT_FALSE(by_own_keys.failure) << by_own_keys.failure->message;
  EXPECT_THAT(Names(), UnorderedElementsAre("x.jcd"));
}

TEST_F(AdoptTest, GrantsOfABatchAreAskedForInOneRequest) {
  std::vector<AdoptFile> files;
  for (int i = 0; i < 40; ++i) {
    const std::string name = "file " + std::to_string(i);
    WriteText(folder_ / name, std::string(static_cast<size_t>(i) * 1000, 'x') + name);
    files.push_back(File({name}));
  }
  const int before = world_.alice.transport->Count("ResourceSet");
  const auto done = Adopt(files);
  ASSERT_EQ(done.size(), files.size());
  for (size_t i = 0; i < done.size(); ++i) {
    EXPECT_FALSE(done[i].failure) << done[i].failure->message;
    EXPECT_EQ(done[i].path, files[i].names.front().plain);
  }
  EXPECT_EQ(world_.alice.transport->Count("ResourceSet") - before, 1);
  EXPECT_EQ(Read("file 39.jcd"), std::string(39000, 'x') + "file 39");
}

TEST_F(AdoptTest, ALinkInThePlaceOfADirectoryLeadsNowhere) {
  std::filesystem::create_directory(out_ / "elsewhere");
  WriteText(out_ / "elsewhere/x", "not on the share");
  std::filesystem::create_symlink(out_ / "elsewhere", folder_ / "folder");
  const Adopted done = AdoptOne("folder/x");
  ASSERT_TRUE(done.failure);
  EXPECT_EQ(ReadText(out_ / "elsewhere/x"), "not on the share");
}

TEST_F(AdoptTest, WhatIsNoLongerThereOrNoFileIsReported) {
  EXPECT_EQ(AdoptOne("gone").failure->code, ErrorCode::kNotFound);
  std::filesystem::create_symlink("elsewhere", folder_ / "link");
  EXPECT_TRUE(AdoptOne("link").failure);
  std::filesystem::create_directory(folder_ / "x.jcd");
  WriteText(folder_ / "x", "content");
  const Adopted done = AdoptOne("x");
  ASSERT_TRUE(done.failure);
  EXPECT_EQ(done.failure->code, ErrorCode::kExists);
  EXPECT_EQ(ReadText(folder_ / "x"), "content");
}

}  // namespace
}  // namespace recrypt
