// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch_test_macros.hpp>

#include "base/digest.h"
#include "base/error.h"
#include "lambda/configuration.h"
#include "lambda/function_ref.h"

namespace platform::lambda {

TEST_CASE("every form of a function's name leads to it") {
  for (const char* text :
       {"f", "123456789012:function:f", "arn:aws:lambda:eu-west-1:123456789012:function:f"}) {
    const FunctionRef ref = parse_function_ref(text, "");
    CHECK(ref.name == "f");
    CHECK(!ref.qualifier);
    const FunctionRef qualified = parse_function_ref(std::string(text) + ":7", "");
    CHECK(qualified.name == "f");
    CHECK(qualified.qualifier == "7");
    CHECK(parse_function_ref(text, "$LATEST").qualifier == "$LATEST");
  }
}

TEST_CASE("what names no function is refused") {
  for (const char* text : {"", ":1", "a:b:c", "arn:aws:lambda:r:1:layer:f", "arn:aws:lambda:r:1",
                           "arn:aws:lambda:r:1:function:f:1:2"}) {
    CHECK_THROWS_AS(parse_function_ref(text, ""), RequestError);
  }
  CHECK_THROWS_AS(parse_function_ref("f:1", "2"), RequestError);
  CHECK(parse_function_ref("f:1", "1").qualifier == "1");
}

TEST_CASE("base64 and sums are as their standards say") {
  CHECK(base64("") == "");
  CHECK(base64("foobar") == "Zm9vYmFy");
  CHECK(base64("fooba") == "Zm9vYmE=");
  CHECK(from_base64("Zm9vYmE=") == "fooba");
  CHECK(from_base64("Zm9vYg==") == "foob");
  CHECK(!from_base64("Zm9"));
  CHECK(!from_base64("Zm9!"));
  CHECK(hex(sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("members of a request that cannot be had are refused by name") {
  for (const char* request :
       {R"({"Layers": ["x"]})", R"({"Timeout": "3"})", R"({"Timeout": 1000})",
        R"({"MemorySize": -1})", R"({"Handler": 3})", R"({"Environment": {"Variables": {"A": 1}}})",
        R"({"VpcConfig": {"SubnetIds": ["s"]}})"}) {
    CHECK_THROWS_AS(settings_of(parse_object(request)), RequestError);
  }
  CHECK_THROWS_AS(code_of(parse_object(R"({"S3Bucket": "b"})")), RequestError);
  CHECK_THROWS_AS(code_of(parse_object(R"({"ZipFile": "?"})")), RequestError);
  CHECK_THROWS_AS(parse_object("[1]"), RequestError);
  CHECK_THROWS_AS(parse_object("{"), RequestError);
}

TEST_CASE("a configuration is what Lambda's clients read") {
  const Function function{.name = "f",
                          .version = "3",
                          .memory_mib = 256,
                          .timeout = std::chrono::seconds(5),
                          .modified = std::chrono::milliseconds(1'700'000'000'042)};
  const Json json = configuration({}, function, "3");
  CHECK(json["FunctionArn"] == "arn:aws:lambda:us-east-1:000000000000:function:f:3");
  CHECK(json["LastModified"] == "2023-11-14T22:13:20.042+0000");
  CHECK(json["PackageType"] == "Image");
  CHECK(json["State"] == "Active");
  CHECK(configuration({}, function, "")["FunctionArn"] ==
        "arn:aws:lambda:us-east-1:000000000000:function:f");
}

TEST_CASE("a configuration says how far a function is made, as Lambda's waiters poll it") {
  Function function{.name = "f"};
  function.creation.stage = Making::Stage::under_way;
  CHECK(configuration({}, function, "")["State"] == "Pending");
  function.creation = {Making::Stage::failed, "no handler"};
  CHECK(configuration({}, function, "")["State"] == "Failed");
  CHECK(configuration({}, function, "")["StateReason"] == "no handler");
  function.creation = {};
  function.update.stage = Making::Stage::under_way;
  CHECK(configuration({}, function, "")["State"] == "Active");
  CHECK(configuration({}, function, "")["LastUpdateStatus"] == "InProgress");
  function.update = {Making::Stage::failed, "no bootstrap"};
  CHECK(configuration({}, function, "")["LastUpdateStatus"] == "Failed");
  CHECK(configuration({}, function, "")["LastUpdateStatusReason"] == "no bootstrap");
}

}  // namespace platform::lambda
