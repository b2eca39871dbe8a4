// SPDX-License-Identifier: Apache-2.0
// Device identification, FC 43/14, the device's end [AP 6.21]: streams of objects cut into replies
// ("more follows") and single objects.
#ifndef MB_IDENT_H
#define MB_IDENT_H

#include "modbus/pdu.h"

enum mb_object_id {
    MB_OBJECT_VENDOR = 0,
    MB_OBJECT_PRODUCT_CODE = 1,
    MB_OBJECT_REVISION = 2,
    MB_OBJECT_VENDOR_URL = 3,
    MB_OBJECT_PRODUCT_NAME = 4,
    MB_OBJECT_MODEL_NAME = 5,
    MB_OBJECT_APPLICATION = 6,
    MB_OBJECT_PRIVATE = 0x80, // this and above: the vendor's own
};

// Objects in ascending order of id; 0, 1 and 2 must be there. Values of at most
// MB_IDENT_OBJECT_MAX bytes.
struct mb_ident {
    const struct mb_object *objects;
    size_t count;
};

// Fills reply (its data from scratch, MB_PDU_SIZE_MAX bytes) or says which exception to answer.
enum mb_exception mb_ident_answer(const struct mb_ident *ident, const struct mb_request *request,
                                  struct writer *scratch, struct mb_reply *reply);

#endif
