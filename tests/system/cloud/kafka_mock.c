// SPDX-License-Identifier: Apache-2.0
// kafka-mock TOPIC: librdkafka's cluster of mock brokers as a process. Says its brokers on stdout
// and ends with its stdin.
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>

enum { BROKERS = 2, PARTS = 4 };

int main(int argc, char **argv)
{
    char why[256];
    rd_kafka_t *owner = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof(why));
    rd_kafka_mock_cluster_t *cluster =
        owner != NULL ? rd_kafka_mock_cluster_new(owner, BROKERS) : NULL;
    if (argc != 2 || cluster == NULL ||
        rd_kafka_mock_topic_create(cluster, argv[1], PARTS, 1) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fprintf(stderr, "usage: kafka-mock TOPIC\n");
        return 2;
    }
    printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster));
    fflush(stdout);
    while (getchar() != EOF) {
    }
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(owner);
    return 0;
}
