#include "client/relabel.h"

#include <fcntl.h>

#include "client/document_check.h"
#include "client/document_files.h"
#include "tests/unit/client/world.h"

namespace recrypt {
namespace {

// Does something when grants have been asked for.
class InterruptedAccess : public BroughtGrants {
 public:
  InterruptedAccess(Access& access, std::function<void()> then)
      : BroughtGrants(access), then_(std::move(then)) {}
  std::vector<Result<OpenedKeys>> OpenMany(std::span<const Header* const> headers,
                                           GrantUse use) override {
    auto opened = BroughtGrants::OpenMany(headers, use);
    if (then_) std::exchange(then_, nullptr)();
    return opened;
  }

 private:
  std::function<void()> then_;
};

class RelabelTest : public testing::Test {
 protected:
  RelabelTest() { EXPECT_TRUE(world_.alice.admin().Create({Label("Legal#example.com"), {}})); }
  Relabelled Relabel(Access& access, std::optional<LabelExpression> to, RelabelData data) {
    Relabelled done;
    RelabelSpec spec{&access, &world_.alice.client().profiles(), &clock_, std::move(to), data};
    Relabeler(spec).Run({&path_, 1}, [&](const Relabelled& one) { done = one; });
    return done;
  }
  Authorship AuthorshipNow() {
    auto file = std::make_shared<FdStoredFile>(UniqueFd(::open(path_.c_str(), O_RDWR | O_CLOEXEC)));
    auto opened = OpenStored(*access_, clock_, file);
    EXPECT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(opened->about.expression, legal_);
    return opened->document->GetAuthorship();
  }

  World world_;
  SystemClock clock_;
  TestFolder folder_;
  const std::string path_ = folder_ / "report.jcd";
  const LabelExpression accounting_ = Expression("Accounting#example.com");
  const LabelExpression legal_ = Expression("Legal#example.com");
  std::unique_ptr<Access> access_ = world_.alice.client().MakeAccess();
};

TEST_F(RelabelTest, WhatGetsAnotherLabelMeanwhileIsSignedUnderThatOne) {
  WriteText(folder_ / "report", std::string(20'000, 'x'));
  ASSERT_TRUE(EncryptFile(*access_, {accounting_, "report"}, folder_ / "report", path_,
                          Overwrite::kRefuse));
  Relabelled other;
  InterruptedAccess interrupted(*access_,
                                [&] { other = Relabel(*access_, legal_, RelabelData::kFollows); });
  const Relabelled done = Relabel(interrupted, std::nullopt, RelabelData::kRewrite);
  ASSERT_FALSE(other.failure) << other.failure->message;
  ASSERT_FALSE(done.failure) << done.failure->message;
  EXPECT_EQ(done.data_keys, 1u);
  EXPECT_TRUE(AuthorshipNow().known());
}

}  // namespace
}  // namespace recrypt
