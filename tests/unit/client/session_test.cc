#include "client/session.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/unit/client/world.h"

namespace recrypt {
namespace {

using Next = TamperingTransport::Next;

SelectRequest OwnLabels() {
  SelectRequest request;
  request.type = "Labels";
  return request;
}

class SessionTest : public testing::Test {
 protected:
  Result<SelectResponse> Ask() {
    return alice_.client().services().At("example.com")->Select(OwnLabels());
  }
  void ExpectUnavailable(const std::string& text) {
    auto answer = Ask();
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
    EXPECT_NE(answer.error().message.find(text), std::string::npos) << answer.error().message;
  }

  TestServices services_;
  TestUser alice_{services_, "alice@example.com"};
};

TEST_F(SessionTest, IsMadeOnceForManyRequests) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(Ask());
  // One for creating the profile, by another client, and one for this one.
  EXPECT_EQ(alice_.transport->Count("{\"Hello\""), 2);
}

TEST_F(SessionTest, ServesThreadsInParallel) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([this] {
      for (int j = 0; j < 20; ++j) EXPECT_TRUE(Ask());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(alice_.transport->Count("{\"Hello\""), 2);
}

TEST_F(SessionTest, IsMadeAgainWhenTheServiceForgotIt) {
  ASSERT_TRUE(Ask());
  services_.com.Stop();
  services_.com.Start();
  auto answer = Ask();
  EXPECT_TRUE(answer) << answer.error().message;
}

TEST_F(SessionTest, IsMadeAgainBeforeItEnds) {
  ASSERT_TRUE(Ask());
  const int before = alice_.transport->Count("{\"Hello\"");
  // Less than the service's tolerance for clocks.
  alice_.clock.Advance(200'000);
  ASSERT_TRUE(Ask());
  EXPECT_EQ(alice_.transport->Count("{\"Hello\""), before);
  alice_.client().services().Drop();
  ASSERT_TRUE(Ask());
  EXPECT_EQ(alice_.transport->Count("{\"Hello\""), before + 1);
}

TEST_F(SessionTest, AReplayedAnswerIsRefused) {
  HttpAnswer first;
  alice_.transport->SetTamper([&first](const HttpPost& post, const Next& next) {
    auto answer = next(post);
    if (!post.authorization.empty()) first = *answer;
    return answer;
  });
  ASSERT_TRUE(Ask());
  alice_.transport->SetTamper(
      [&first](const HttpPost&, const Next&) -> Result<HttpAnswer> { return first; });
  ExpectUnavailable("its MAC does not fit");
}

TEST_F(SessionTest, AChangedAnswerIsRefused) {
  ASSERT_TRUE(Ask());
  alice_.transport->SetTamper([](const HttpPost& post, const Next& next) {
    auto answer = next(post);
    answer->body += " ";
    return answer;
  });
  ExpectUnavailable("its MAC does not fit");
  alice_.transport->SetTamper([](const HttpPost& post, const Next& next) {
    auto answer = next(post);
    answer->status = 202;
    return answer;
  });
  ExpectUnavailable("its MAC does not fit");
  alice_.transport->SetTamper([](const HttpPost& post, const Next& next) {
    auto answer = next(post);
    answer->mac.clear();
    return answer;
  });
  ExpectUnavailable("it has no MAC");
}

TEST_F(SessionTest, AReplayedHandshakeIsRefused) {
  HttpAnswer first;
  alice_.client().services().Drop();
  alice_.transport->SetTamper([&first](const HttpPost& post, const Next& next) {
    auto answer = next(post);
    if (post.authorization.empty()) first = *answer;
    return answer;
  });
  ASSERT_TRUE(Ask());
  alice_.client().services().Drop();
  alice_.transport->SetTamper(
      [&first](const HttpPost&, const Next&) -> Result<HttpAnswer> { return first; });
  ExpectUnavailable("its signature does not fit");
}

TEST_F(SessionTest, NonsenseIsRefused) {
  ASSERT_TRUE(Ask());
  for (const char* body : {"", "nonsense", "{}", "[]", "{\"GetResponse\":{}}", "<html></html>"}) {
    alice_.transport->SetTamper([body](const HttpPost&, const Next&) -> Result<HttpAnswer> {
      return HttpAnswer{200, body, "", 0, ""};
    });
    ExpectUnavailable("is not believed");
    auto profile = alice_.client().services().At("example.com")->GetStatic("Profile", "a@b.c");
    ASSERT_FALSE(profile);
    EXPECT_EQ(profile.error().code, ErrorCode::kUnavailable);
  }
}

TEST_F(SessionTest, ARefusalWithoutMacIsBelievedOnceAndOnlyForANewSession) {
  ASSERT_TRUE(Ask());
  int answered = 0;
  alice_.transport->SetTamper([&answered](const HttpPost& post, const Next& next) {
    if (post.authorization.empty()) return next(post);
    ++answered;
    return Result<HttpAnswer>(
        HttpAnswer{401, R"({"RecryptResponse":{"Status":401,"Reason":"session"}})", "", 0, ""});
  });
  ExpectUnavailable("it has no MAC");
  EXPECT_EQ(answered, 2);
  alice_.transport->SetTamper([](const HttpPost& post, const Next& next) {
    if (post.authorization.empty()) return next(post);
    return Result<HttpAnswer>(
        HttpAnswer{401, R"({"RecryptResponse":{"Status":401,"Reason":"no-entry"}})", "", 0, ""});
  });
  ExpectUnavailable("it has no MAC");
}

TEST_F(SessionTest, AnOverloadedServiceIsUnavailable) {
  ASSERT_TRUE(Ask());
  alice_.transport->SetTamper([](const HttpPost&, const Next&) -> Result<HttpAnswer> {
    return HttpAnswer{503, "", "", 0, ""};
  });
  ExpectUnavailable("overloaded");
}

TEST_F(SessionTest, WhatIsTurnedAwayIsAskedAgainWhenTheServiceSays) {
  ASSERT_TRUE(Ask());
  std::vector<std::string> authorizations;
  alice_.transport->SetTamper([&](const HttpPost& post, const Next& next) -> Result<HttpAnswer> {
    authorizations.push_back(post.authorization);
    if (authorizations.size() < 3) return HttpAnswer{503, "overloaded", "", 1, ""};
    return next(post);
  });
  const auto begun = std::chrono::steady_clock::now();
  const auto answer = Ask();
  EXPECT_TRUE(answer) << answer.error().message;
  EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::seconds(2));
  ASSERT_EQ(authorizations.size(), 3u);
  EXPECT_NE(authorizations[0], authorizations[1]);
}

TEST_F(SessionTest, AHandshakeThatIsTurnedAwayIsMadeAgainToo) {
  int turned_away = 0;
  alice_.transport->SetTamper([&](const HttpPost& post, const Next& next) -> Result<HttpAnswer> {
    if (++turned_away == 1) return HttpAnswer{503, "overloaded", "", 1, ""};
    return next(post);
  });
  EXPECT_TRUE(Ask());
}

TEST_F(SessionTest, AnOverloadedServiceIsNotWaitedForBeyondTheDeadline) {
  for (const int retry_after : {0, 3600}) {
    alice_.transport->SetTamper([&](const HttpPost&, const Next&) -> Result<HttpAnswer> {
      return HttpAnswer{503, "overloaded", "", retry_after, ""};
    });
    const auto begun = std::chrono::steady_clock::now();
    ExpectUnavailable("overloaded");
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(1));
  }
}

TEST_F(SessionTest, AFailureOfTheServiceNamesTheRequestThatItsLogHas) {
  alice_.transport->SetTamper([](const HttpPost&, const Next&) -> Result<HttpAnswer> {
    const ResponseStatus failed{StatusCode::kInternal, "internal", "the service failed"};
    return HttpAnswer{500, DumpJson(ToJson(Response(failed))), "", 0, "ab12-7"};
  });
  const auto answer =
      alice_.client().services().At("example.com")->GetStatic("Profile", "alice@example.com");
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message.find("the service failed (request ab12-7)"), std::string::npos)
      << answer.error().message;
}

TEST_F(SessionTest, AnotherServiceKeyIsRefusedAndBothAreNamed) {
  // The service of example.com now runs with other keys.
  const std::string before = services_.com.udf();
  const TestFolder fresh;
  TestService impostor("example.com", fresh / "state");
  const ConfigDirectory directory = ConfigDirectory::Open(alice_.folder.path()).value();
  ASSERT_TRUE(SetService(directory, "example.com", impostor.address()));
  ClientOptions options;
  options.directory = alice_.folder.path();
  auto client = Client::Open(options).value();
  auto answer = client->services().At("example.com")->Select(OwnLabels());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kDenied);
  EXPECT_NE(answer.error().message.find(before), std::string::npos) << answer.error().message;
  EXPECT_NE(answer.error().message.find(impostor.udf()), std::string::npos)
      << answer.error().message;
}

TEST_F(SessionTest, AnOlderVersionOfTheServicesProfileIsRefused) {
  ASSERT_TRUE(alice_.client().trust().Remember(
      TrustSubject::kService, "example.com " + services_.com.udf(), 1000, {{"payload", "newer"}}));
  auto answer = Ask();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kStale);
  EXPECT_NE(answer.error().message.find("older than version 1000"), std::string::npos)
      << answer.error().message;
}

TEST_F(SessionTest, AForeignServiceThatNobodyNamedIsRefused) {
  auto answer = alice_.client().services().At("example.net")->Select(OwnLabels());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kDenied);
  EXPECT_NE(answer.error().message.find("neither pinned nor named"), std::string::npos);
}

// As a removed device is told to every service that its account has used.
TEST_F(SessionTest, AForeignServiceThatALabelHasNamedIsKnownFromThenOn) {
  const std::string named = services_.net.udf();
  ASSERT_TRUE(alice_.client().services().At("example.net", named)->Select(OwnLabels()));
  const auto answer = alice_.client().services().At("example.net")->Select(OwnLabels());
  EXPECT_TRUE(answer) << answer.error().message;
}

TEST_F(SessionTest, AnotherServiceKeyThanTheLabelNamesIsRefused) {
  const std::string named = alice_.identity().Udf();
  auto answer = alice_.client().services().At("example.com", named)->Select(OwnLabels());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kDenied);
  EXPECT_NE(answer.error().message.find(named), std::string::npos);
  EXPECT_NE(answer.error().message.find(services_.com.udf()), std::string::npos);
}

}  // namespace
}  // namespace recrypt
