// What members and administrators may ask of a service that no command asks for yet.
#include "client/service_client.h"

#include <gtest/gtest.h>

#include "client/access.h"
#include "tests/unit/client/world.h"

namespace recrypt {
namespace {

class ServiceClientTest : public testing::Test {
 protected:
  std::shared_ptr<ServiceClient> ComAs(TestUser& user) {
    return user.client().services().At("example.com", world_.services.com.udf());
  }
  JoinRequest Application(TestUser& user) {
    auto profile = user.client()
                       .services()
                       .At(std::string(user.account().domain()))
                       ->GetStatic("Profile", user.account().text());
    EXPECT_TRUE(profile) << profile.error().message;
    JoinRequest join;
    join.label = world_.label.text();
    join.account = user.account().text();
    join.profile = profile.value_or(Json());
    join.message = "please";
    return join;
  }
  Json Joins() {
    SelectRequest select;
    select.type = "Joins";
    select.label = world_.label.text();
    return ComAs(world_.alice)->SelectAll(select).value();
  }
  // Whether a document that nobody has opened before opens.
  Result<OpenedKeys> OpenAs(TestUser& user) {
    auto document = world_.alice.client().MakeAccess()->Create(Expression("Accounting#example.com"),
                                                               "report.odt");
    EXPECT_TRUE(document) << document.error().message;
    return user.client().MakeAccess()->Open(document->header.header, GrantUse::kOpen);
  }

  World world_;
};

TEST_F(ServiceClientTest, WhoAsksToJoinIsShownToAdministratorsUntilTurnedDown) {
  ASSERT_TRUE(ComAs(world_.carol)->Join(Application(world_.carol)));
  const Json joins = Joins();
  ASSERT_EQ(joins.size(), 1u);
  EXPECT_NE(DumpJson(joins).find("carol@example.net"), std::string::npos);
  EXPECT_NE(DumpJson(joins).find("please"), std::string::npos);
  ASSERT_TRUE(ComAs(world_.alice)->DeleteUser(world_.label, world_.carol.account(), ""));
  EXPECT_TRUE(Joins().empty());
}

TEST_F(ServiceClientTest, AddingWhoAskedToJoinAnswersTheRequest) {
  ASSERT_TRUE(ComAs(world_.carol)->Join(Application(world_.carol)));
  world_.alice.Trust(world_.carol);
  ASSERT_TRUE(
      world_.alice.admin().AddMember(world_.label, world_.carol.account(), MemberRights::kRead));
  EXPECT_TRUE(Joins().empty());
  EXPECT_TRUE(OpenAs(world_.carol));
}

TEST_F(ServiceClientTest, AMemberWhoLeavesReadsNothingMore) {
  ASSERT_TRUE(OpenAs(world_.bob));
  ASSERT_TRUE(ComAs(world_.bob)->Leave(world_.label));
  EXPECT_EQ(OpenAs(world_.bob).error().code, ErrorCode::kDenied);
}

TEST_F(ServiceClientTest, ALostDeviceIsTakenOutOfEveryLabelByItsAccount) {
  ASSERT_TRUE(OpenAs(world_.bob));
  auto until =
      ComAs(world_.bob)->DeleteDevice(world_.bob.account(), world_.bob.identity().DeviceUdf());
  ASSERT_TRUE(until) << until.error().message;
  EXPECT_GE(*until, world_.bob.clock.NowSeconds() - 5);
  EXPECT_FALSE(OpenAs(world_.bob));
}

TEST_F(ServiceClientTest, ADeletedLabelGrantsNothing) {
  const auto document = world_.alice.client().MakeAccess()->Create(
      Expression("Accounting#example.com"), "report.odt");
  ASSERT_TRUE(document);
  EXPECT_FALSE(ComAs(world_.bob)->DeleteKeySet(world_.label)) << "by no administrator";
  ASSERT_TRUE(ComAs(world_.alice)->DeleteKeySet(world_.label));
  EXPECT_FALSE(world_.bob.client().MakeAccess()->Open(document->header.header, GrantUse::kOpen));
}

}  // namespace
}  // namespace recrypt
