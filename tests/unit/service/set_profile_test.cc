// Who may set a profile (docs/PROTOCOL.md, 3).
#include "world.h"

namespace recrypt {
namespace {

class SetProfileTest : public testing::Test {
 protected:
  TestService service;
  TestAccount alice{"alice@example.com"};
  TestClient client{service, alice.sign};
};

TEST_F(SetProfileTest, IsAnsweredToAnyoneAsItWasSet) {
  const Json jws = alice.Jws();
  SetRequest set;
  set.what.emplace<Json>(jws);
  EXPECT_EQ(StatusIn(client.Call(Request(set))).status, StatusCode::kOk);
  GetRequest get;
  get.statics.push_back({"Profile", "alice@example.com"});
  const Response response = client.CallBare(Request(get));
  EXPECT_EQ(std::get<GetResponse>(response).statics.at(0).value, jws);
}

TEST_F(SetProfileTest, OfTheSameObjectAgainIsNoMistake) {
  SetRequest set;
  set.what.emplace<Json>(alice.Jws());
  EXPECT_EQ(StatusIn(client.Call(Request(set))).status, StatusCode::kOk);
  EXPECT_EQ(StatusIn(client.Call(Request(set))).status, StatusCode::kUpdated);
}

TEST_F(SetProfileTest, OfAHigherVersionReplaces) {
  ASSERT_TRUE(client.Register(alice).ok());
  alice.version = 5;
  EXPECT_EQ(client.Register(alice).status, StatusCode::kUpdated);
}

TEST_F(SetProfileTest, OfAnOlderVersionIsStale) {
  alice.version = 5;
  ASSERT_TRUE(client.Register(alice).ok());
  for (uint64_t version : {4, 1}) {
    alice.version = version;
    const ResponseStatus status = client.Register(alice);
    EXPECT_EQ(status.status, StatusCode::kExists);
    EXPECT_EQ(status.reason, "stale");
  }
}

TEST_F(SetProfileTest, ByAnotherMasterIsRefused) {
  ASSERT_TRUE(client.Register(alice).ok());
  TestAccount mallory("alice@example.com");
  mallory.version = 7;
  TestClient other(service, mallory.sign);
  EXPECT_EQ(other.Register(mallory).reason, "exists");
  EXPECT_EQ(VerifyProfile(Static(client, "Profile", "alice@example.com").value)->Udf(),
            alice.Udf());
}

TEST_F(SetProfileTest, OfAnotherDomainIsAGuests) {
  const TestAccount bob("bob@example.net");
  TestClient other(service, bob.sign);
  EXPECT_TRUE(other.Register(bob).ok());
  TestClient stranger(service, PrivateKey::Generate(Curve::kEd25519));
  EXPECT_EQ(stranger.Register(TestAccount("dora@example.net")).reason, "policy");
}

TEST_F(SetProfileTest, OfMoreGuestsThanAreLetInAreRefused) {
  service.Stop();
  service.config.guests = 2;
  service.Start();
  const auto registers = [&](const std::string& name) {
    const TestAccount account(name);
    TestClient device(service, account.sign);
    return device.Register(account);
  };
  EXPECT_TRUE(registers("bob@example.net").ok());
  EXPECT_TRUE(registers("bob@sub.example.com").ok());
  const auto refused = registers("carol@example.net");
  EXPECT_EQ(refused.reason, "policy");
  EXPECT_NE(refused.description.find("no more accounts of other domains than 2"),
            std::string::npos);
  // Accounts of the domain are none of them.
  EXPECT_TRUE(registers("carol@example.com").ok());
}

TEST_F(SetProfileTest, OfADeviceThatItDoesNotListIsRefused) {
  TestClient other(service, PrivateKey::Generate(Curve::kEd25519));
  EXPECT_EQ(other.Register(alice).reason, "policy");
}

TEST_F(SetProfileTest, WithABrokenSignatureIsRefused) {
  Json jws = alice.Jws();
  std::string signature = jws["signature"];
  signature[0] = signature[0] == 'A' ? 'B' : 'A';
  jws["signature"] = signature;
  SetRequest set;
  set.what.emplace<Json>(jws);
  EXPECT_FALSE(StatusIn(client.Call(Request(set))).ok());
  EXPECT_EQ(Static(client, "Profile", "alice@example.com").status.status, StatusCode::kNotFound);
}

TEST_F(SetProfileTest, ThatHasExpiredIsRefused) {
  const Json jws = alice.Jws();
  service.clock.Advance(int64_t{400} * 86400);
  client.clock_offset = int64_t{400} * 86400;
  SetRequest set;
  set.what.emplace<Json>(jws);
  EXPECT_EQ(StatusIn(client.Call(Request(set))).status, StatusCode::kInvalid);
}

TEST_F(SetProfileTest, IsRefusedWhenRegistrationIsClosed) {
  service.Stop();
  service.config.registration = "closed";
  service.Start();
  TestClient again(service, alice.sign);
  EXPECT_EQ(again.Register(alice).reason, "policy");
}

TEST_F(SetProfileTest, ThatDropsADeviceRevokesIt) {
  const PrivateKey phone = PrivateKey::Generate(Curve::kEd25519);
  alice.more_devices = {{"phone", phone.public_key(), alice.encrypt.public_key()}};
  ASSERT_TRUE(client.Register(alice).ok());
  TestLabel label("Accounting#example.com", alice, service);
  ASSERT_TRUE(client.SetLabel(label, alice).ok());
  TestClient phone_client(service, phone);
  EXPECT_EQ(phone_client.SetUser(label.User(alice)).status, StatusCode::kOk);
  alice.more_devices.clear();
  alice.version = 2;
  ASSERT_TRUE(client.Register(alice).ok());
  // Its session has ended, and a new one gives it no right.
  const HttpAnswer answer = phone_client.Send(phone_client.Sign("{}"));
  EXPECT_EQ(phone_client.StatusOfAnswer(answer).reason, "session");
  phone_client.Hello();
  EXPECT_EQ(phone_client.SetUser(label.User(alice)).reason, "not-administrator");
}

}  // namespace
}  // namespace recrypt
