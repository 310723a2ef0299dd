// A service says that it has moved: it is followed, once it has shown there that it is the same.
#include <gtest/gtest.h>

#include <filesystem>
#include <optional>

#include "client/session.h"
#include "tests/unit/client/world.h"

namespace recrypt {
namespace {

using Next = TamperingTransport::Next;

class RedirectTest : public testing::Test {
 protected:
  Status Ask() {
    SelectRequest request;
    request.type = "Labels";
    auto answer = alice_.client().services().At("example.com")->Select(request);
    return answer ? Status{} : Fail(std::move(answer.error()));
  }
  Status AskPublicly() {
    auto answer =
        alice_.client().services().At("example.com")->GetStatic("Profile", "alice@example.com");
    return answer ? Status{} : Fail(std::move(answer.error()));
  }
  void ExpectFailure(const Status& asked, ErrorCode code, const std::string& text) {
    ASSERT_FALSE(asked);
    EXPECT_EQ(asked.error().code, code);
    EXPECT_NE(asked.error().message.find(text), std::string::npos) << asked.error().message;
  }
  // The service at another port, with all that it knows.
  void StartElsewhere() {
    services_.com.Stop();
    std::filesystem::copy(services_.folder / "com", services_.folder / "there",
                          std::filesystem::copy_options::recursive);
    services_.com.Start();
    there_.emplace("example.com", services_.folder / "there");
  }
  // Somebody who has the certificate of the domain, and not the service's key.
  void StartAnother() {
    std::filesystem::create_directory(services_.folder / "there");
    std::filesystem::permissions(services_.folder / "there", std::filesystem::perms::owner_all);
    for (const char* file : {"/tls.crt", "/tls.key"}) {
      std::filesystem::copy(services_.folder / ("com" + std::string(file)),
                            services_.folder / ("there" + std::string(file)));
    }
    there_.emplace("example.com", services_.folder / "there");
    ASSERT_NE(there_->udf(), services_.com.udf());
  }
  void SendThere(const std::string& moved) {
    services_.com.SendTo(there_->address().address, moved);
  }

  void ExpectFollowed(const std::string& moved) {
    StartElsewhere();
    ASSERT_TRUE(Ask());
    SendThere(moved);
    const Status asked = Ask();
    ASSERT_TRUE(asked) << asked.error().message;
    // From now on it is asked there.
    services_.com.Stop();
    EXPECT_TRUE(Ask());
    EXPECT_TRUE(AskPublicly());
  }

  TestServices services_;
  TestUser alice_{services_, "alice@example.com"};
  std::optional<TestService> there_;
};

TEST_F(RedirectTest, ATemporaryOneIsFollowedToTheSameServiceElsewhere) {
  ExpectFollowed("temporary");
}

TEST_F(RedirectTest, APermanentOneIsFollowedToTheSameServiceElsewhere) {
  ExpectFollowed("permanent");
}

TEST_F(RedirectTest, AServiceThatCameBackIsFoundWhereItWas) {
  StartElsewhere();
  SendThere("permanent");
  ASSERT_TRUE(Ask());
  there_->Stop();
  services_.com.ServeAgain();
  const Status asked = Ask();
  EXPECT_TRUE(asked) << asked.error().message;
}

TEST_F(RedirectTest, APublicRequestIsSentOnOnlyOnceTheTargetHasShownItsKey) {
  StartElsewhere();
  SendThere("temporary");
  alice_.Reopen();
  const int hellos = alice_.transport->Count("{\"Hello\"");
  const Status asked = AskPublicly();
  ASSERT_TRUE(asked) << asked.error().message;
  EXPECT_GT(alice_.transport->Count("{\"Hello\""), hellos);
}

TEST_F(RedirectTest, WhoHasNotTheServicesKeyIsToldNothing) {
  StartAnother();
  SendThere("permanent");
  ExpectFailure(Ask(), ErrorCode::kDenied, there_->udf());
  ExpectFailure(AskPublicly(), ErrorCode::kDenied, there_->udf());
  // What was said is not remembered.
  services_.com.ServeAgain();
  EXPECT_TRUE(Ask());
}

TEST_F(RedirectTest, WhoHasNotTheDomainsCertificateIsToldNothing) {
  there_.emplace("example.com", services_.folder / "there");
  SendThere("temporary");
  ExpectFailure(Ask(), ErrorCode::kUnavailable, "certificate is not trusted");
}

TEST_F(RedirectTest, ARoundWithoutEndIsLeft) {
  services_.com.SendTo(services_.com.address().address, "temporary");
  ExpectFailure(Ask(), ErrorCode::kUnavailable, "without end");
  ExpectFailure(AskPublicly(), ErrorCode::kUnavailable, "without end");
}

TEST_F(RedirectTest, WhatIsNoPlaceIsRefused) {
  for (const char* to : {"", "http://127.0.0.1:1", "https://", "https://a b", "https://x:0",
                         "https://x:1/other", "https://user@x", "https://x:99999"}) {
    alice_.transport->SetTamper([to](const HttpPost&, const Next&) -> Result<HttpAnswer> {
      HttpAnswer answer;
      answer.status = 307;
      answer.body =
          DumpJson(ToJson(Response(ResponseStatus{StatusCode::kRedirectTemporary, "moved", to})));
      return answer;
    });
    ExpectFailure(AskPublicly(), ErrorCode::kUnavailable, "says that it has moved");
  }
}

TEST_F(RedirectTest, WithoutAMacUnderASessionIsNotBelieved) {
  ASSERT_TRUE(Ask());
  alice_.transport->SetTamper([](const HttpPost& post, const Next& next) -> Result<HttpAnswer> {
    if (post.authorization.empty()) return next(post);
    HttpAnswer answer;
    answer.status = 307;
    answer.body = DumpJson(ToJson(
        Response(ResponseStatus{StatusCode::kRedirectTemporary, "moved", "https://127.0.0.1:1"})));
    return answer;
  });
  ExpectFailure(Ask(), ErrorCode::kUnavailable, "no MAC (HTTP 307)");
  alice_.transport->BeHonest();
  EXPECT_TRUE(Ask());
}

}  // namespace
}  // namespace recrypt
