#include "cli/document_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

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
  };
  for (const DocumentRequest& request : refused) EXPECT_THAT(Plan(request), ElementsAre("refused"));
}

}  // namespace
}  // namespace recrypt
