#include "cli/document_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "cli/stored_names.h"
#include "core/jcd/stored_name.h"

namespace recrypt {
namespace {

namespace stdfs = std::filesystem;

class DocumentPlan : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "plan-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    stdfs::current_path(folder_);
  }
  void TearDown() override {
    stdfs::current_path("/");
    stdfs::remove_all(folder_);
  }
  static void Touch(const std::string& path) {
    if (stdfs::path(path).has_parent_path()) {
      stdfs::create_directories(stdfs::path(path).parent_path());
    }
    std::ofstream(path) << "x";
  }
  static std::vector<std::string> Plan(const DocumentRequest& request) {
    const auto jobs = PlanDocuments(request);
    if (!jobs) return {"refused"};
    std::vector<std::string> texts;
    for (const auto& job : *jobs) texts.push_back(job.from + " > " + job.to);
    return texts;
  }

  std::string folder_;
};
using testing::ElementsAre;

TEST_F(DocumentPlan, PutsResultsBesideTheFilesOrWhereOutputSays) {
  EXPECT_THAT(Plan({Direction::kEncrypt, {"a", "d/b"}, "", Trees::kRefuse}),
              ElementsAre("a > a.jcd", "d/b > d/b.jcd"));
  EXPECT_THAT(Plan({Direction::kDecrypt, {"d/b.jcd"}, "", Trees::kRefuse}),
              ElementsAre("d/b.jcd > d/b"));
  EXPECT_THAT(Plan({Direction::kDecrypt, {"strange"}, "out", Trees::kRefuse}),
              ElementsAre("strange > out"));
  stdfs::create_directory("to");
  EXPECT_THAT(Plan({Direction::kEncrypt, {"a", "d/b"}, "to", Trees::kRefuse}),
              ElementsAre("a > to/a.jcd", "d/b > to/b.jcd"));
}

TEST_F(DocumentPlan, StreamsGoThroughADash) {
  EXPECT_THAT(Plan({Direction::kEncrypt, {"-"}, "", Trees::kRefuse}), ElementsAre("- > -"));
  EXPECT_THAT(Plan({Direction::kDecrypt, {"-"}, "out", Trees::kRefuse}), ElementsAre("- > out"));
  EXPECT_THAT(Plan({Direction::kDecrypt, {"a.jcd"}, "-", Trees::kRefuse}),
              ElementsAre("a.jcd > -"));
}

TEST_F(DocumentPlan, TreesHoldDocumentsOrPlainFiles) {
  Touch("t/plain");
  Touch("t/s/other");
  Touch("t/s/done.jcd");
  stdfs::create_symlink("plain", "t/link");
  EXPECT_THAT(Plan({Direction::kEncrypt, {"t"}, "", Trees::kWalk}),
              ElementsAre("t/plain > t/plain.jcd", "t/s/other > t/s/other.jcd"));
  EXPECT_THAT(Plan({Direction::kDecrypt, {"t"}, "out", Trees::kWalk}),
              ElementsAre("t/s/done.jcd > out/s/done"));
  EXPECT_TRUE(stdfs::is_directory("out/s"));
}

TEST_F(DocumentPlan, LongNamesAreHashedAndFoundAgain) {
  const std::string name(255, 'n');
  const std::string stored = StoredDocumentName(name);
  const std::string stem = stored.substr(0, stored.size() - 4);
  stdfs::create_directories("d");
  stdfs::create_directories("to");
  EXPECT_THAT(Plan({Direction::kEncrypt, {"d/" + name}, "", Trees::kRefuse}),
              ElementsAre("d/" + name + " > d/" + stored));
  EXPECT_THAT(Plan({Direction::kDecrypt, {"d/" + stored}, "", Trees::kRefuse}),
              ElementsAre("d/" + stored + " > d/" + stem));
  const mode_t mask = umask(077);
  EXPECT_TRUE(KeepName("d/" + stored, name));
  umask(mask);
  // Whoever may list the directory is to see the name.
  EXPECT_EQ(stdfs::status("d/" + SidecarName(stored)).permissions(), stdfs::perms{0644});
  EXPECT_TRUE(stdfs::exists("d/" + SidecarName(stored)));
  EXPECT_THAT(Plan({Direction::kDecrypt, {"d/" + stored}, "", Trees::kRefuse}),
              ElementsAre("d/" + stored + " > d/" + name));
  EXPECT_THAT(Plan({Direction::kDecrypt, {"d/" + stored}, "to", Trees::kRefuse}),
              ElementsAre("d/" + stored + " > to/" + name));
  // A sidecar is nothing to encrypt, and what it says is not believed.
  Touch("d/plain");
  Touch("d/" + stored);
  EXPECT_THAT(Plan({Direction::kEncrypt, {"d"}, "", Trees::kWalk}),
              ElementsAre("d/plain > d/plain.jcd"));
  EXPECT_THAT(Plan({Direction::kDecrypt, {"d"}, "out", Trees::kWalk}),
              ElementsAre("d/" + stored + " > out/" + name));
  std::ofstream("d/" + SidecarName(stored)) << "../../etc/passwd";
  EXPECT_THAT(Plan({Direction::kDecrypt, {"d/" + stored}, "", Trees::kRefuse}),
              ElementsAre("d/" + stored + " > d/" + stem));
  // One of another name, or none, is not made.
  ASSERT_TRUE(KeepName("to/" + stored, "other"));
  ASSERT_TRUE(KeepName("to/a.jcd", "a"));
  EXPECT_TRUE(stdfs::is_empty("to"));
}

TEST_F(DocumentPlan, DirectoriesOfAMountAreFoundOnTheShare) {
  stdfs::create_directories("share/a/b.jcd.jcd/c");
  stdfs::create_directories("share/made.jcd");
  EXPECT_EQ(StoredDirectory("share", "a/b.jcd/c"), "share/a/b.jcd.jcd/c");
  EXPECT_EQ(StoredDirectory("share", "made.jcd"), "share/made.jcd");
  EXPECT_EQ(StoredDirectory("share", ""), "share");
}

TEST_F(DocumentPlan, RefusesWhatIsAmbiguous) {
  Touch("t/plain");
  const std::vector<DocumentRequest> refused = {
      {Direction::kEncrypt, {"t"}, "", Trees::kRefuse},
      {Direction::kEncrypt, {"a", "b"}, "out", Trees::kRefuse},
      {Direction::kEncrypt, {"-", "b"}, "", Trees::kRefuse},
      {Direction::kEncrypt, {"-"}, "t", Trees::kRefuse},
      {Direction::kEncrypt, {"t"}, "-", Trees::kWalk},
      {Direction::kDecrypt, {"a.txt"}, "", Trees::kRefuse},
      {Direction::kDecrypt, {".jcd"}, "", Trees::kRefuse},
      {Direction::kDecrypt, {"d/.jcd"}, "", Trees::kRefuse},
  };
  for (const DocumentRequest& request : refused) EXPECT_THAT(Plan(request), ElementsAre("refused"));
}

}  // namespace
}  // namespace recrypt
