"""`renrakumo bench`: measuring, side by side with what people would use instead."""
