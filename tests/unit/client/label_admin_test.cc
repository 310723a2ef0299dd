#include "client/label_admin.h"

#include <gtest/gtest.h>

#include "tests/unit/client/world.h"

namespace recrypt {
namespace {

using Next = TamperingTransport::Next;

class LabelAdminTest : public testing::Test {
 protected:
  World world_;
};

TEST_F(LabelAdminTest, ShowsMembersAndLabels) {
  auto members = world_.alice.admin().Members(world_.label);
  ASSERT_TRUE(members) << members.error().message;
  ASSERT_EQ(members->size(), 2u);
  EXPECT_EQ((*members)[0].account, "alice@example.com");
  EXPECT_EQ((*members)[1].account, "bob@example.net");
  EXPECT_EQ((*members)[1].profile_udf, world_.bob.identity().Udf());
  auto labels = world_.alice.admin().List();
  ASSERT_TRUE(labels) << labels.error().message;
  ASSERT_EQ(labels->size(), 1u);
  EXPECT_EQ((*labels)[0].label, world_.label);
  EXPECT_TRUE((*labels)[0].administrator);
  EXPECT_TRUE((*labels)[0].member);
}

TEST_F(LabelAdminTest, ALabelThatIsThereIsNotMadeAgain) {
  const auto before = world_.alice.admin().Show(world_.label)->version.version;
  auto again = world_.alice.admin().Create({world_.label, {}});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kExists);
  EXPECT_EQ(world_.alice.admin().Show(world_.label)->version.version, before);
  TestUser dave(world_.services, "dave@example.com");
  EXPECT_EQ(dave.admin().Create({world_.label, {}}).error().code, ErrorCode::kExists);
}

TEST_F(LabelAdminTest, ALabelOfAnotherDomainIsRefusedBeforeAnythingIsSent) {
  auto label = world_.bob.admin().Create({Label("Sales#example.com"), {}});
  ASSERT_FALSE(label);
  EXPECT_EQ(label.error().code, ErrorCode::kInvalid);
}

TEST_F(LabelAdminTest, ACreationThatWasInterruptedIsCompleted) {
  const LabelName label = Label("Sales#example.com");
  for (const char* lost : {"{\"Set\":{\"Portal\":\"example.com\",\"Profile\"", "\"User\""}) {
    world_.alice.transport->SetTamper([lost](const HttpPost& post, const Next& next) {
      if (post.body.find(lost) != std::string::npos) {
        return Result<HttpAnswer>(Fail(ErrorCode::kUnavailable, "gone"));
      }
      return next(post);
    });
    EXPECT_FALSE(world_.alice.admin().Create({label, {}}));
  }
  world_.alice.transport->BeHonest();
  auto created = world_.alice.admin().Create({label, {}});
  ASSERT_TRUE(created) << created.error().message;
  ASSERT_TRUE(world_.alice.admin().AddMember(label, world_.bob.account()));
  EXPECT_TRUE(world_.bob.client().profiles().Label(label, ProfileUse::kWrite));
}

TEST_F(LabelAdminTest, AMemberMustBePinned) {
  TestUser dave(world_.services, "dave@example.net");
  auto added = world_.alice.admin().AddMember(world_.label, dave.account());
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, ErrorCode::kDenied);
  EXPECT_NE(added.error().message.find(dave.identity().Udf()), std::string::npos);
  EXPECT_EQ(world_.alice.admin().Members(world_.label)->size(), 2u);
}

TEST_F(LabelAdminTest, AnUnknownAccountIsNotFound) {
  auto added = world_.alice.admin().AddMember(world_.label, Account("nobody@example.net"));
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, ErrorCode::kNotFound);
  EXPECT_NE(added.error().message.find("nobody@example.net"), std::string::npos);
}

TEST_F(LabelAdminTest, OthersAdministerNothing) {
  for (TestUser* user : {&world_.bob, &world_.carol}) {
    auto members = user->admin().Members(world_.label);
    ASSERT_FALSE(members);
    EXPECT_EQ(members.error().code, ErrorCode::kDenied) << members.error().message;
    user->Trust(user == &world_.bob ? world_.carol : world_.bob);
    EXPECT_EQ(user->admin().AddMember(world_.label, world_.carol.account()).error().code,
              ErrorCode::kDenied);
    EXPECT_EQ(user->admin().RemoveMember(world_.label, world_.bob.account()).error().code,
              ErrorCode::kDenied);
    EXPECT_FALSE(user->admin().Audit(world_.label, "example.com", {}));
  }
}

TEST_F(LabelAdminTest, RemovingWhoIsNoMemberIsNotFound) {
  EXPECT_EQ(world_.alice.admin().RemoveMember(world_.label, world_.carol.account()).error().code,
            ErrorCode::kNotFound);
}

TEST_F(LabelAdminTest, TheAuditLogTellsWhatWasDone) {
  ASSERT_TRUE(world_.alice.admin().RemoveMember(world_.label, world_.bob.account()));
  auto page = world_.alice.admin().Audit(world_.label, "example.com", {});
  ASSERT_TRUE(page) << page.error().message;
  std::string events;
  for (const Json& item : page->items) {
    events += item.value("event", item.dump()) + " ";
  }
  EXPECT_EQ(events, "set-label set-entry set-entry revoke ");
}

TEST_F(LabelAdminTest, ASecondProfileIsRefusedAndTheFirstStays) {
  ClientOptions options;
  options.directory = world_.alice.folder.path();
  options.transport = world_.alice.transport.get();
  const std::string before = ReadText(world_.alice.folder / "keystore.json");
  auto profile =
      CreateProfile(options, {Account("alice@example.com"), std::nullopt, "", Sealing::kNone});
  ASSERT_FALSE(profile);
  EXPECT_EQ(profile.error().code, ErrorCode::kExists);
  EXPECT_EQ(ReadText(world_.alice.folder / "keystore.json"), before);
}

TEST_F(LabelAdminTest, AnAccountThatIsTakenLeavesNothingBehind) {
  const TestFolder folder;
  const ConfigDirectory directory = ConfigDirectory::Open(folder.path()).value();
  ClientOptions options;
  options.directory = folder.path();
  NewProfile wanted{Account("alice@example.com"), world_.services.com.address(), "",
                    Sealing::kNone};
  auto profile = CreateProfile(options, wanted);
  ASSERT_FALSE(profile);
  EXPECT_EQ(profile.error().code, ErrorCode::kExists);
  EXPECT_EQ(Client::Open(options).error().code, ErrorCode::kNotFound);
}

TEST_F(LabelAdminTest, AProfileMadeWhileTheServiceIsAwayIsPublishedLater) {
  const TestFolder folder;
  world_.services.com.Stop();
  ClientOptions options;
  options.directory = folder.path();
  NewProfile wanted{Account("erin@example.com"), world_.services.com.address(), "", Sealing::kNone};
  auto profile = CreateProfile(options, wanted);
  ASSERT_FALSE(profile);
  EXPECT_EQ(profile.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(profile.error().message.find("not published yet"), std::string::npos);
  world_.services.com.Start();
  auto client = Client::Open(options).value();
  EXPECT_TRUE(PublishProfile(*client));
  EXPECT_TRUE(PublishProfile(*client)) << "publishing again does harm";
}

}  // namespace
}  // namespace recrypt
