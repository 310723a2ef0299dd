// What a member hears of the requests for review that are their own.
#include "client/own_reviews.h"

#include <gtest/gtest.h>

#include "tests/unit/client/world.h"

namespace recrypt {
namespace {

class OwnReviewsTest : public testing::Test {
 protected:
  OwnReviewsTest() {
    LabelPolicy policy;
    policy.review.all_documents = true;
    policy.review.supervisors = {{world_.alice.account(), world_.alice.identity().Udf()}};
    EXPECT_TRUE(world_.alice.admin().SetPolicy(world_.label, policy));
    auto created = world_.alice.client().MakeAccess()->Create(Expression(world_.label.text()), "f");
    document_ = std::make_unique<NewDocument>(std::move(created.value()));
  }
  ErrorCode Opened() {
    const auto opened = bob_->Open(document_->header.header, GrantUse::kOpen);
    return opened ? ErrorCode::kExists : opened.error().code;
  }
  std::vector<OwnReview> Seen() { return OwnReviews(world_.bob.client(), world_.label).value(); }

  World world_;
  std::unique_ptr<Access> bob_ = world_.bob.client().MakeAccess();
  std::unique_ptr<NewDocument> document_;
};

TEST_F(OwnReviewsTest, AreSeenFromTheRequestToTheDecision) {
  EXPECT_TRUE(Seen().empty());
  ASSERT_EQ(Opened(), ErrorCode::kPending);
  ASSERT_EQ(Seen().size(), 1u);
  EXPECT_EQ(Seen()[0].state, OwnReview::State::kPending);
  EXPECT_EQ(Seen()[0].document, ToBytes(document_->header.header.uid));
  EXPECT_EQ(Seen()[0].header, ToBytes(document_->header.header.digest));
  EXPECT_EQ(Seen()[0].by, "");
  const Json listed = world_.alice.admin().Reviews(world_.label).value();
  const uint64_t id = GetUint(listed.at(0), "Id").value();
  ASSERT_TRUE(world_.alice.admin().Decide(world_.label, id, ReviewDecision::kDeny, 0));
  EXPECT_EQ(Seen()[0].state, OwnReview::State::kDenied);
  EXPECT_EQ(Seen()[0].by, world_.alice.account().text());
  ASSERT_TRUE(world_.alice.admin().Decide(world_.label, id, ReviewDecision::kApprove, 0));
  EXPECT_EQ(Seen()[0].state, OwnReview::State::kApproved);
}

TEST_F(OwnReviewsTest, AreNotForWhoIsNoMemberAndWaitForNoServiceThatIsAway) {
  ASSERT_EQ(Opened(), ErrorCode::kPending);
  const auto carols = OwnReviews(world_.carol.client(), world_.label);
  ASSERT_FALSE(carols);
  EXPECT_EQ(carols.error().code, ErrorCode::kDenied) << carols.error().message;
  world_.bob.transport->Fail(ErrorCode::kUnavailable, "no service");
  const auto bobs = OwnReviews(world_.bob.client(), world_.label);
  ASSERT_FALSE(bobs);
  EXPECT_EQ(bobs.error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace recrypt
